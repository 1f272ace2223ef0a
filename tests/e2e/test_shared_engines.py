"""Runs whose only engines serve the policy as an adapter, and the backbone beneath it."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from rewriter_agent.io.files import read_jsonl
from tests.helpers.killed_run import NAME, STAGE_SECONDS, write_config
from tests.helpers.processes import ROOT
from tests.helpers.shared_engine_checks import (
    assert_only_the_last_adapter_is_left,
    assert_rewrites_are_scored_by_the_backbone,
    assert_samples_are_the_learners,
)

# The example on a cluster has an engine of this kind, too, and fewer steps.
pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(3600)]

STEPS = 4


def run_shared(base: Path, command: str, **train: Any) -> tuple[Path, int]:
    """The run's folder, and the most engines that were there at a time."""
    config = write_config(base)
    tree = yaml.safe_load(config.read_text())
    tree["cluster"] |= {"scorers": 0, "enable_lora": True}
    tree["data"] |= {"num_train": 24, "num_test": 4}
    tree["train"] |= {"max_steps": STEPS, **train}
    tree["tracking"] = {"report_to": "none"}
    config.write_text(yaml.safe_dump(tree))
    most = 0
    with subprocess.Popen(
        [sys.executable, "-m", "rewriter_agent", command, str(config)], cwd=ROOT, text=True
    ) as run:
        while run.poll() is None:
            children = psutil.Process(run.pid).children(recursive=True)
            most = max(most, sum("ray::VLLMEngine" in " ".join(line(child)) for child in children))
            psutil.wait_procs([psutil.Process(run.pid)], timeout=1)
        assert run.wait(STAGE_SECONDS) == 0
    return base / NAME, most


def line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, most = run_shared(tmp_path_factory.mktemp("shared"), "rewrite")
    assert most == 1
    return folder


def test_one_engine_serves_policy_and_backbone(folder: Path) -> None:
    assert_samples_are_the_learners(folder, STEPS)
    assert_only_the_last_adapter_is_left(folder)
    assert_rewrites_are_scored_by_the_backbone(folder)


def test_one_step_ahead_too(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "prepare", tmp_path / NAME / "prepare")
    folder, most = run_shared(tmp_path, "train", max_staleness=1)
    assert most == 1
    steps = read_jsonl(folder / "train" / "metrics.jsonl")
    assert [row["sample/staleness_max"] for row in steps] == [0] + [1] * (STEPS - 1)
