"""Fine-tuning that is evaluated on the way: the same training, its best checkpoint, also after a kill."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.evaluate.curve import read_curve
from rewriter_agent.pipeline import PREPARE, SFT_EXPERT, run_stages
from tests.helpers.killed_run import write_config
from tests.helpers.processes import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(3600)]

SFT = (
    "{learning_rate: 7.0e-4, max_steps: 6, num_workers: 1, max_length: 512, save_steps: 100, logging_steps: 1, "
    "probe_size: 4, per_device_train_batch_size: 2, gradient_checkpointing: false, bf16: false}"
)
EVALUATION = "{eval_steps: 2, num_problems: 4, retention_limit: 4, forgetting_price: 0"
SECONDS = 900


def overrides(evaluation: str) -> list[str]:
    return [
        "data={source: lab, num_train: 12, num_test: 2, steps: [1, 2]}",
        "rewrite={strategy: expert}",
        "evaluate={max_completion_length: 112, retention: [lab_sort], own_answers: 0}",
        "tracking={report_to: none}",
        f"sft={SFT}",
        f"sft.evaluation={evaluation}",
    ]


def make(folder: Path, evaluation: str) -> RunConfig:
    folder.mkdir()
    return load_config(write_config(folder), overrides(evaluation))


def weights(config: RunConfig) -> bytes:
    return (config.folder / SFT_EXPERT.name / "model" / "model.safetensors").read_bytes()


def test_evaluations_leave_the_training_as_it_is_and_a_kill_leaves_them(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole", EVALUATION + ", load_best_model_at_end: false}")
    run_stages(whole, (PREPARE, SFT_EXPERT))
    folder = whole.folder / SFT_EXPERT.name
    curve = read_curve(folder)
    assert [point.step for point in curve] == [0, 2, 4, 6]
    assert all(point.score == point.task for point in curve)
    assert curve[0].gain == curve[0].forgetting == 0
    counts = json.loads((folder / "manifest.json").read_text())["counts"]
    assert (counts["rows"], counts["steps"], counts["kept_step"], counts["evaluations"]) == (8, 6, 6, 4)
    assert not (folder / "checkpoints").exists()
    assert not (folder / "student").exists()
    assert not (folder / "best").exists()

    killed = make(tmp_path / "killed", EVALUATION + ", load_best_model_at_end: false}")
    kill_after_the_second_point(killed, tmp_path / "killed" / "config.yaml")
    run_stages(killed, (PREPARE, SFT_EXPERT))
    assert read_curve(killed.folder / SFT_EXPERT.name) == curve
    assert weights(killed) == weights(whole)

    stopped = make(tmp_path / "stopped", EVALUATION + ", early_stopping_patience: 1}")
    run_stages(stopped, (PREPARE, SFT_EXPERT))
    found = read_curve(stopped.folder / SFT_EXPERT.name)
    assert found == curve[: len(found)]
    scores = [point.score for point in found[1:]]
    kept = json.loads((stopped.folder / SFT_EXPERT.name / "manifest.json").read_text())["counts"]["kept_step"]
    assert kept == 2 * (1 + scores.index(max(scores)))
    assert (weights(stopped) == weights(whole)) == (kept == 6)


def kill_after_the_second_point(config: RunConfig, path: Path) -> None:
    pairs = [
        pair
        for text in overrides(EVALUATION + ", load_best_model_at_end: false}")
        for pair in ("--set", text)
    ]
    command = [sys.executable, "-m", "rewriter_agent", "prepare", str(path), *pairs]
    subprocess.run(command, cwd=ROOT, check=True, timeout=SECONDS)
    command[3] = "sft"
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as process:
        deadline = time.monotonic() + SECONDS
        while len(read_curve(config.folder / SFT_EXPERT.name)) < 2:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
    assert not (config.folder / SFT_EXPERT.name / "manifest.json").exists()
