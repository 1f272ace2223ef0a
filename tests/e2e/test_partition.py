"""Engines on one machine, the learner on another, and the link between them lost, for a while or for good.

Needs root, for network namespaces, and minutes: `make partition` runs it.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from rewriter_agent.io.files import read_jsonl
from tests.helpers.killed_run import NAME, STAGE_SECONDS, write_config
from tests.helpers.two_machines import PORT, IsolatedNode, two_machines

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not os.environ.get("PARTITION"), reason="make partition"),
]

# Ray gives a node up that it cannot reach for so many checks, and its processes end without a head for so long: packets
# that were lost are sent again up to half a minute after the link is back.
PATIENCE = {"RAY_health_check_failure_threshold": "20", "RAY_gcs_rpc_server_reconnect_timeout_s": "300"}
STEPS = 8
CUT_SECONDS = 30


def divided(base: Path, address: str, timeout: int) -> Path:
    """A config with the engines on the other machine."""
    path = write_config(base)
    tree = yaml.safe_load(path.read_text())
    head, other = {"machine": "head"}, {"machine": "other"}
    tree["cluster"] |= {
        "address": f"{address}:{PORT}",
        "label_selector": {"policy": other, "backbone": other, "learner": head, "sft": head},
        "timeout": timeout,
        "max_restarts": 1,
    }
    tree["data"] |= {"num_train": 24, "num_test": 8}
    tree["evaluate"] |= {"retention": ["lab_sort"], "num_samples": 1}
    tree["tracking"] = {"report_to": "none"}
    path.write_text(yaml.safe_dump(tree))
    return path


@contextmanager
def training(
    base: Path, timeout: int, env: dict[str, str]
) -> Generator[tuple["subprocess.Popen[bytes]", IsolatedNode]]:
    """A run that has done two steps, and the machine with its engines."""
    with two_machines(base, env) as (head, other):
        config = divided(base, head.address, timeout)
        command = [sys.executable, "-m", "rewriter_agent", "run", str(config)]
        run = head.start(command, env, base / "run.log")
        try:
            deadline = time.monotonic() + STAGE_SECONDS
            while len(read_jsonl(base / NAME / "train" / "metrics.jsonl")) < 2:
                assert run.poll() is None, (base / "run.log").read_text()[-3000:]
                assert time.monotonic() < deadline
                time.sleep(0.2)
            yield run, other
        finally:
            run.kill()
            run.wait()


def test_a_link_that_comes_back(tmp_path: Path) -> None:
    with training(tmp_path, 240, PATIENCE) as (run, other):
        other.cut()
        time.sleep(CUT_SECONDS)
        done = len(read_jsonl(tmp_path / NAME / "train" / "metrics.jsonl"))
        other.connect()
        assert done < STEPS
        assert run.wait(STAGE_SECONDS) == 0, (tmp_path / "run.log").read_text()[-3000:]
    steps = [row["step"] for row in read_jsonl(tmp_path / NAME / "train" / "metrics.jsonl")]
    assert steps == list(range(1, STEPS + 1))
    assert (tmp_path / NAME / "report" / "report.html").exists()


def test_a_link_that_is_lost(tmp_path: Path) -> None:
    with training(tmp_path, 90, {}) as (run, other):
        other.cut()
        assert run.wait(STAGE_SECONDS) != 0
    output = (tmp_path / "run.log").read_text()
    print(output[-3000:])
    (error,) = re.findall(r"^error: (.+)", output, re.MULTILINE)
    assert re.match(r"fleet '(policy|backbone)' has 0 of 1 engines left and needs 1", error)
    assert error.endswith("re-run the same command to resume.")
    assert "Traceback" not in output
