"""Methods that train the student itself: a whole run, killed in the stage `student` and resumed."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from rewriter_agent.cli import main
from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.data.prompt_encoder import load_tokens
from rewriter_agent.evaluate.curve import read_curve
from rewriter_agent.io.files import read_json, read_jsonl
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.pipeline import STAGES, evaluate_arms, run_stages
from rewriter_agent.prepare.records import anchored_problems
from tests.helpers.killed_run import STAGE_SECONDS, checkpoint_step, write_config
from tests.helpers.processes import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(3600)]

STEPS = 6
CHANGES: dict[str, Any] = {
    "data": {"source": "lab", "num_train": 16, "num_test": 2, "steps": [1, 2]},
    "train": {"max_steps": STEPS, "max_completion_length": 112, "beta": 0.0},
    "sft": {"outcome_weights": {}, "max_steps": 4},
    "evaluate": {"retention": ["lab_sort"], "retention_limit": 4, "num_samples": 0, "own_answers": 4},
    "tracking": {"report_to": "none"},
}
EVALUATED = {"grpo": None, "sdft": {"eval_steps": 3, "num_problems": 4, "retention_limit": 4}}
"""The section `sft.evaluation` of each method."""


def write(folder: Path, method: str) -> Path:
    path = write_config(folder)
    tree = yaml.safe_load(path.read_text())
    for section, values in CHANGES.items():
        tree[section] = tree[section] | values if section != "data" else values
    tree["sft"]["evaluation"] = EVALUATED[method]
    path.write_text(yaml.safe_dump(tree | {"method": method}))
    return path


@pytest.mark.parametrize("method", ["grpo", "sdft"])
def test_a_student_is_a_whole_run_and_resumes(
    method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, method)
    config = load_config(path)
    kill_in_student(config, path)
    run_stages(config, STAGES)
    assert re.search(r"\[student [0-9:]+\] resuming", capsys.readouterr().out)
    student = config.folder / "student"
    steps = read_jsonl(student / "metrics.jsonl")
    assert [row["step"] for row in steps] == list(range(1, STEPS + 1))
    assert max(row["loss"] for row in steps) > 0 or min(row["loss"] for row in steps) < 0
    assert not {"train", "rewrite", "dataset", "sft-rewritten"} & {
        path.name for path in config.folder.iterdir()
    }
    check_left(student, evaluated=EVALUATED[method] is not None)
    counts = manifest(config, "student")["counts"]
    assert (counts["steps"], counts["rollouts"]) == (STEPS, 16 * STEPS)
    check_completions(config, method)
    check_model(config)
    check_report(config, method)
    capsys.readouterr()
    run_stages(config, STAGES)
    assert capsys.readouterr().out.count("complete, skipped") == 7
    assert "rewritten" in evaluate_arms(config, ["rewritten"])


def kill_in_student(config: RunConfig, path: Path) -> None:
    """Run the command until a checkpoint of the student is there, and steps after it."""
    student = config.folder / "student"
    command = [sys.executable, "-m", "rewriter_agent", "run", str(path)]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as process:
        deadline = time.monotonic() + STAGE_SECONDS
        while not 0 < checkpoint_step(student) < len(read_jsonl(student / "metrics.jsonl")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    assert not (student / "manifest.json").exists()


def check_left(student: Path, evaluated: bool) -> None:
    """Check that checkpoints are gone, and that evaluations on the way have left a curve and chosen a step."""
    files = {"inputs.json", "manifest.json", "seconds.json"}
    folders = {"adapter", "completions", "evaluations", "model", "ray"}
    assert {path.name for path in student.glob("*.json")} == files | ({"curve.json"} if evaluated else set())
    assert {path.name for path in student.iterdir() if path.is_dir()} <= folders
    if evaluated:
        curve = read_curve(student)
        assert [point.step for point in curve] == [0, 3, 6]
        kept = max(curve[1:], key=lambda point: point.score).step
        counts = read_json(student / "manifest.json")["counts"]
        assert (counts["evaluations"], counts["kept_step"]) == (3, kept)


def check_completions(config: RunConfig, method: str) -> None:
    """Check that all rollouts are kept, and that the student answers the question, without the expert's solution."""
    tokens = load_tokens(str(LAB_FOLDER), config.model)
    problems = anchored_problems(config)
    files = sorted((config.folder / "student" / "completions").glob("*.parquet"))
    assert len(files) == STEPS
    for rows in (pq.read_table(path).to_pylist() for path in files):
        assert len(rows) == 16
        for row in rows:
            problem = problems[row["problem_id"]]
            assert row["completion"]
            if method == "grpo":
                assert row["prompt"] == tokens.question_messages(problem)
                assert problem.solution not in str(row["prompt"])


def check_model(config: RunConfig) -> None:
    """Check that the trained student is evaluated: it differs from the backbone on the backbone's answers."""
    drift = {arm: manifest(config, f"evaluate-{arm}")["counts"]["kl"] for arm in ("base", "rewritten")}
    assert drift["rewritten"] != drift["base"]
    assert manifest(config, "evaluate-rewritten")["inputs"].keys() >= {"student", "evaluate-base"}
    assert (config.folder / "student" / "model" / "model.safetensors").exists()
    assert (config.folder / "student" / "adapter" / "adapter_config.json").exists()


def check_report(config: RunConfig, method: str) -> None:
    numbers = json.loads((config.folder / "report" / "report.json").read_text())
    assert (numbers["method"], numbers["rewriting"]) == (method, None)
    assert numbers["training"]["steps"] == STEPS
    arms = {"expert", "rewritten"} if EVALUATED[method] else set()
    assert numbers["evaluation_curves"].keys() == arms
    spent = {stage["stage"]: stage for stage in numbers["stages"]}["student"]
    assert spent["wall_seconds"] > 0
    assert spent["spent"]["rollouts"] == 16 * STEPS
    assert spent["spent"]["generated_tokens"] > 0
    assert f"| {method.upper()} student |" in (config.folder / "report" / "report.md").read_text()
    assert main(["check", str(config.folder), "--min-gain", "100"]) == 1


def manifest(run: RunConfig, stage: str) -> dict[str, Any]:
    return json.loads((run.folder / stage / "manifest.json").read_text())
