"""Training with engines that work one step ahead of the learner, and lose one of them on the way."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
import yaml

from rewriter_agent.io.files import read_jsonl
from tests.helpers.killed_run import NAME, STAGE_SECONDS, write_config
from tests.helpers.processes import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(3600)]

STEPS, GROUPS, GENERATIONS = 8, 4, 4


def command(name: str, config: Path) -> list[str]:
    return [sys.executable, "-m", "rewriter_agent", name, str(config)]


def kill_an_engine(training: subprocess.Popen[str], metrics: Path) -> None:
    """Once two steps are done."""
    deadline = time.monotonic() + STAGE_SECONDS
    while len(read_jsonl(metrics)) < 2:
        assert training.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    children = psutil.Process(training.pid).children(recursive=True)
    engines = [child for child in children if "ray::VLLMEngine" in " ".join(child.cmdline())]
    assert len(engines) == 2
    engines[0].kill()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("overlap")
    config = write_config(base)
    tree = yaml.safe_load(config.read_text())
    tree["train"]["max_staleness"] = 1
    tree["cluster"]["heartbeat"] = 1
    tree["tracking"] = {"report_to": "none"}
    config.write_text(yaml.safe_dump(tree))
    subprocess.run(command("prepare", config), cwd=ROOT, check=True, timeout=STAGE_SECONDS)
    with subprocess.Popen(command("train", config), cwd=ROOT, text=True) as training:
        kill_an_engine(training, base / NAME / "train" / "metrics.jsonl")
        assert training.wait(STAGE_SECONDS) == 0
    return base / NAME / "train"


@pytest.fixture(scope="module")
def steps(folder: Path) -> list[dict[str, Any]]:
    return read_jsonl(folder / "metrics.jsonl")


def test_candidates_are_written_one_step_before_they_are_learned_from(steps: list[dict[str, Any]]) -> None:
    assert [row["step"] for row in steps] == list(range(1, STEPS + 1))
    assert [row["sample/staleness_max"] for row in steps] == [0] + [1] * (STEPS - 1)


def test_the_learner_corrects_for_the_weights_that_wrote_them(steps: list[dict[str, Any]]) -> None:
    # Weights of the step before, at a learning rate at which a step tells.
    before, after = (steps[i]["sampling/sampling_logp_difference/mean"] for i in (0, -1))
    assert before < 1e-3 < after
    assert all(row["sampling/importance_sampling_ratio/max"] <= 3.0 for row in steps)


def test_no_group_is_lost_with_an_engine(folder: Path) -> None:
    seen = []
    for step in range(1, STEPS + 1):
        rows = pq.read_table(folder / "completions" / f"completions_{step:05d}.parquet").to_pylist()
        problems = [row["problem_id"] for row in rows]
        assert len(problems) == GROUPS * GENERATIONS
        assert len(set(problems)) == GROUPS
        seen += list(dict.fromkeys(problems))
    # 48 problems: none comes twice before all have come once.
    assert len(set(seen)) == STEPS * GROUPS
