"""One run of all stages, killed again and again, and its state after each kill."""

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rewriter_agent.config.data import LabData
from rewriter_agent.io.files import read_jsonl
from rewriter_agent.models.lab import LAB
from sft.runtime.checkpoints import newest_complete
from tests.helpers.processes import ROOT, Command, Launch, launched

DATA = LabData(num_train=32, num_test=20, steps=(1, 3))
NAME = "e2e"
TABLE_ROWS = 6
# Generous: a machine may be several times slower than another, and no speed is measured here.
STAGE_SECONDS = 1200
GONE_SECONDS = 75
RAY_AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""Processes that report the death of their node to a head that was killed too, and wait a minute for its answer."""


@dataclass(frozen=True)
class Ended:
    """A launch that was ended in a stage."""

    stage: str
    status: int
    output: str
    mid_stage: bool
    """True if the stage was not complete when all had ended."""
    shards: dict[Path, int]
    """The stage's finished shards at that time, with their modification times (ns)."""
    metrics: list[dict[str, Any]]
    """The stage's metrics at that time."""
    checkpoint: int
    """Step of the stage's newest checkpoint at that time, 0 if there is none."""


@dataclass(frozen=True)
class WholeRun:
    """A run that was ended in several stages and then left to finish, and a repetition of it."""

    folder: Path
    ended: dict[str, Ended]
    """Label of signal and stage, for example `SIGKILL train`."""
    killed_at: dict[int, dict[str, Any]]
    """Metrics of the last fine-tuning, by step, at the time its training process was killed."""
    status: int
    output: str
    left: dict[str, list[str]]
    """Label of a launch: its processes that survived it."""
    again_status: int
    again_output: str


def run_whole(base: Path) -> WholeRun:
    """Kill a run in one stage, interrupt its launcher in another, then let it finish; takes minutes."""
    config = write_config(base)
    folder = base / NAME
    ended: dict[str, Ended] = {}
    launches: dict[str, Launch] = {}

    def end(command: Command, number: signal.Signals, stage: str, when: Callable[[], bool]) -> None:
        name = f"{number.name} {stage}"
        launches[name] = launch = stack.enter_context(launched(config, base / f"{name}.log", command))
        launch.wait_until(when, STAGE_SECONDS)
        ended[name] = end_launch(launch, number, folder / stage)

    def last_step() -> int:
        return max((row["step"] for row in read_jsonl(folder / "train" / "metrics.jsonl")), default=0)

    with ExitStack() as stack:
        # Files are seen at once, while a job's output reaches the launcher up to two seconds late.
        end("run", signal.SIGKILL, "train", lambda: 0 < checkpoint_step(folder / "train") < last_step())
        end("launch", signal.SIGINT, "rewrite", (folder / "rewrite/shards/part-00002").exists)
        launches["last"] = last = stack.enter_context(launched(config, base / "last.log", "run"))
        killed_at = kill_trainer(last, folder / "sft-rewritten")
        status = last.process.wait(STAGE_SECONDS)
        left = {name: launch.wait_gone(GONE_SECONDS) for name, launch in launches.items()}
    again = run_again(config)
    return WholeRun(folder, ended, killed_at, status, last.output, left, again.returncode, again.stdout)


def end_launch(launch: Launch, number: signal.Signals, stage: Path) -> Ended:
    """End the launcher, wait for its workers, and record the state of the stage."""
    status = launch.end(number)
    launch.wait_gone(GONE_SECONDS, except_for=RAY_AGENTS)
    return Ended(
        stage=stage.name,
        status=status,
        output=launch.output,
        mid_stage=not (stage / "manifest.json").exists(),
        shards={path: path.stat().st_mtime_ns for path in stage.glob("*/part-*")},
        metrics=read_jsonl(stage / "metrics.jsonl"),
        checkpoint=checkpoint_step(stage),
    )


def kill_trainer(launch: Launch, stage: Path) -> dict[int, dict[str, Any]]:
    """Kill the training process of a fine-tuning after its first checkpoint; returns the metrics by step until then."""
    launch.wait_until(lambda: checkpoint_step(stage) > 0, STAGE_SECONDS)
    (trainer,) = [p for p in launch.living() if "ray::RayTrainWorker" in " ".join(p.cmdline())]
    trainer.kill()
    return {row["step"]: row for row in read_jsonl(stage / "metrics.jsonl")}


def checkpoint_step(stage: Path) -> int:
    """Step of the newest complete checkpoint of a training stage, 0 if there is none."""
    found = newest_complete(stage) or newest_complete(stage / "checkpoints")
    return int(found.name.removeprefix("checkpoint-")) if found else 0


def run_again(config: Path) -> subprocess.CompletedProcess[str]:
    """Start a complete run once more."""
    return subprocess.run(
        [sys.executable, "-m", "rewriter_agent", "run", str(config)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=STAGE_SECONDS,
    )


def write_config(base: Path) -> Path:
    """Config of the laboratory with small steps and shards, which allow ending a stage between two of them."""
    length = {"max_completion_length": 160}
    config = {
        "name": NAME,
        "output_dir": str(base),
        # Some CPUs have no instructions for bfloat16; tests/sft train in it all the same.
        "model": {"name_or_path": LAB, "dtype": "float32", "max_model_len": 512},
        "data": DATA.model_dump(mode="json"),
        "cluster": {"engines": 1, "scorers": 1, "threads": 1},
        "prepare": {**length, "shard_size": 4},
        # Few candidates of so short a training pass, and more of them are wanted here than good ones.
        "reward": {"min_alignment": 0.0},
        "train": {
            **length,
            "max_steps": 8,
            "num_generations": 4,
            "per_device_train_batch_size": 16,
            "learning_rate": 1e-3,
            # Needed to measure the KL.
            "beta": 1e-3,
            "save_steps": 2,
            "lora": {"r": 8},
        },
        "rewrite": {**length, "num_generations": 4, "shard_size": 2},
        "sft": {
            "weight": {"kind": "token_is"},
            "outcome_weights": {"expert_fallback": {"kind": "sequence_is", "clip_max": 2.0, "mode": "mask"}},
            "probe_size": 8,
            "probe_steps": 1,
            "learning_rate": 7e-4,
            "num_train_epochs": 2,
            "per_device_train_batch_size": 2,
            "max_length": 512,
            "logging_steps": 1,
            "save_steps": 4,
            "gradient_checkpointing": False,
            "bf16": False,
            # tests/sft has two.
            "num_workers": 1,
        },
        "evaluate": {
            **length,
            "retention": ["lab", "sciq"],
            "retention_limit": 20,
            "num_samples": 2,
            "own_answers": 8,
        },
        "tracking": {"report_to": "wandb", "table_rows": TABLE_ROWS},
    }
    path = base / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path
