"""A whole run whose processes are killed at random, again and again: nothing is lost, and nothing is there twice.

It takes as long as there are kills: `make chaos` runs it.
"""

import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
import yaml

from rewriter_agent.io.files import read_jsonl
from tests.helpers.killed_run import GONE_SECONDS, NAME, write_config
from tests.helpers.processes import Launch, launched

KILLS = int(os.environ.get("KILLS", "0"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(4 * 3600),
    pytest.mark.skipif(not KILLS, reason="make chaos"),
]

KINDS = {
    "engine": "ray::VLLMEngine",
    "trainer": "ray::RayTrainWorker",
    "controller": "ray::TrainController",
    "driver": "rewriter_agent run",
    "raylet": "/raylet",
    "head": "gcs_server",
    "launcher": "rewriter_agent launch",
}
# What takes the whole cluster with it is the rarest: then a launch lasts long enough for the others.
WEIGHTS = {"engine": 8, "trainer": 4, "controller": 1, "driver": 1, "raylet": 1, "head": 1, "launcher": 1}
PAUSE = (2.0, 20.0)
"""Seconds between two kills."""
STAGES = ("prepare", "train", "rewrite", "sft-expert", "sft-rewritten")
AT_WORK = ("train", "rewrite", "sft-expert", "sft-rewritten")
"""Stages that are each hit if there are enough kills."""


@dataclass
class Chaos:
    """A run that was killed so often."""

    folder: Path
    killed: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often, by stage and kind."""
    left: list[str] = field(default_factory=list)
    """Processes, and files in shared memory."""
    launches: int = 0
    status: int = -1
    output: str = ""


def processes(launch: Launch, kind: str) -> list[psutil.Process]:
    found = []
    for process in launch.living():
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if KINDS[kind] in line and not (kind == "driver" and "rewriter_agent launch" in line):
            found.append(process)
    return found


def kill_one(launch: Launch, choose: random.Random) -> str | None:
    """Kill one process, once engines or trainers are at work; its kind."""
    found = {kind: processes(launch, kind) for kind in KINDS}
    if not found["engine"] and not found["trainer"]:
        return None
    kinds = [kind for kind in KINDS if found[kind]]
    (kind,) = choose.choices(kinds, [WEIGHTS[kind] for kind in kinds])
    launch.known |= launch.living()
    choose.choice(sorted(found[kind], key=lambda process: process.pid)).kill()
    return kind


def stage_at_work(folder: Path) -> str:
    """The first that is not complete."""
    return next((stage for stage in STAGES if not (folder / stage / "manifest.json").exists()), "evaluate")


def run_chaos(base: Path, config: Path, kills: int, seed: int) -> Chaos:
    """Launch until it has ended by itself, and kill something now and then, `kills` times at most."""
    choose, chaos = random.Random(seed), Chaos(base / NAME)
    shared = set(Path("/dev/shm").iterdir())
    while chaos.status != 0:
        chaos.launches += 1
        before = chaos.killed.total()
        with launched(config, base / f"{chaos.launches}.log") as launch:
            while launch.process.poll() is None:
                pause = time.monotonic() + choose.uniform(*PAUSE)
                while time.monotonic() < pause and launch.process.poll() is None:
                    time.sleep(0.05)
                if chaos.killed.total() < kills and (kind := kill_one(launch, choose)):
                    chaos.killed[stage_at_work(chaos.folder), kind] += 1
            chaos.status = launch.process.returncode
            chaos.output = launch.output
            chaos.left += launch.wait_gone(GONE_SECONDS)
        assert chaos.status == 0 or chaos.killed.total() > before, chaos.output[-3000:]
    chaos.left += [str(path) for path in set(Path("/dev/shm").iterdir()) - shared]
    return chaos


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Chaos:
    base = tmp_path_factory.mktemp("quiet")
    return run_chaos(base, chaos_config(base), kills=0, seed=0)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Chaos]:
    """Start runs until all kills are done, since a run may finish earlier."""
    found, left = [], KILLS
    while left:
        base = tmp_path_factory.mktemp("chaos")
        found.append(run_chaos(base, chaos_config(base), left, seed=len(found) + 1))
        left -= found[-1].killed.total()
        print(f"\n{found[-1].launches} launches, killed {dict(found[-1].killed)}; {left} to go", flush=True)
    return found


def chaos_config(base: Path) -> Path:
    """Two engines of a kind, which may be replaced as often as it takes, and no evaluation."""
    path = write_config(base)
    tree = yaml.safe_load(path.read_text())
    tree["cluster"] |= {
        "engines": 2,
        "scorers": 1,
        "heartbeat": 1,
        "max_restarts": 1000,
        "max_failures": 1000,
    }
    tree["evaluate"] |= {"retention": ["lab_sort"], "num_samples": 1}
    tree["tracking"] = {"report_to": "none"}
    path.write_text(yaml.safe_dump(tree))
    return path


def weights(model: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in model.glob("*.safetensors")}


def rows(chaos: Chaos, file: str) -> list[dict[str, Any]]:
    return pq.read_table(chaos.folder / file).to_pylist()


def test_every_run_comes_to_its_end_whatever_is_killed(quiet: Chaos, runs: list[Chaos]) -> None:
    killed = sum((run.killed for run in runs), Counter())
    for stage, kind in sorted(killed):
        print(f"{stage:<16}{kind:<12}{killed[stage, kind]:>4}")
    assert quiet.launches == 1
    assert killed.total() == KILLS
    if KILLS >= 100:
        assert {kind for _, kind in killed} == set(KINDS)
        assert {stage for stage, _ in killed} >= set(AT_WORK)


def test_nothing_is_left_behind(runs: list[Chaos]) -> None:
    assert [run.left for run in runs] == [[]] * len(runs)


def test_every_step_was_taken_once(quiet: Chaos, runs: list[Chaos]) -> None:
    for stage in ("train", "sft-expert", "sft-rewritten"):
        expected = [(row["step"], row["loss"]) for row in read_jsonl(quiet.folder / stage / "metrics.jsonl")]
        for run in runs:
            found = [(row["step"], row["loss"]) for row in read_jsonl(run.folder / stage / "metrics.jsonl")]
            assert found == expected, stage


def test_the_fine_tuned_models_are_those_of_the_undisturbed_run(quiet: Chaos, runs: list[Chaos]) -> None:
    for stage in ("sft-expert", "sft-rewritten"):
        expected = weights(quiet.folder / stage / "model")
        assert expected
        for run in runs:
            assert weights(run.folder / stage / "model") == expected, stage


def test_every_candidate_is_that_of_the_undisturbed_run(quiet: Chaos, runs: list[Chaos]) -> None:
    paths = sorted((quiet.folder / "train" / "completions").glob("*.parquet"))
    assert paths
    for file in (str(path.relative_to(quiet.folder)) for path in paths):
        expected = [row["completion"] for row in rows(quiet, file)]
        for run in runs:
            assert [row["completion"] for row in rows(run, file)] == expected, file


def test_every_rewrite_is_that_of_the_undisturbed_run(quiet: Chaos, runs: list[Chaos]) -> None:
    keys = ("problem_id", "target_text")
    expected = [[row[key] for key in keys] for row in rows(quiet, "rewrite/rewrites.parquet")]
    for run in runs:
        assert [[row[key] for key in keys] for row in rows(run, "rewrite/rewrites.parquet")] == expected
