"""A very small study with real parts: all of it, its missing cells, and some of its cells again."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from rewriter_agent.experiments.study.results import StudyResult, read_study
from rewriter_agent.io.files import read_json
from tests.helpers.processes import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(3600)]

CONFIG = """
name: study
model: {name_or_path: lab, dtype: float32, max_model_len: 512}
data: {source: lab, style: terse, steps: [1, 2], num_train: 16, num_test: 4}
prepare: {max_completion_length: 96, num_own_samples: 1}
cluster: {threads: 1, max_num_seqs: 64, kv_cache_gb: 0.1}
train:
  max_steps: 2
  num_generations: 4
  per_device_train_batch_size: 8
  learning_rate: 1.0e-3
  max_completion_length: 96
  lora: {r: 8}
rewrite: {num_generations: 4, max_completion_length: 96}
sft:
  per_device_train_batch_size: 4
  num_workers: 1
  bf16: false
  max_length: 512
  logging_steps: 1
  gradient_checkpointing: false
evaluate:
  max_completion_length: 96
  num_samples: 1
  own_answers: 4
  retention: [lab_sort, lab_repeat]
  retention_limit: 4
tracking: {report_to: none}
study: {seeds: [1], learning_rates: [1.0e-3], arms: [expert, best_of_budget, grpo, sdft, rl_replay, rl_greedy]}
"""


def study(folder: Path, *overrides: str) -> str:
    """What the command prints."""
    return printed("study", folder, *overrides)


def printed(command: str, folder: Path, *overrides: str, flags: Sequence[str] = ()) -> str:
    (folder / "config.yaml").write_text(CONFIG)
    given = [f"--set={override}" for override in (f"output_dir={folder}", *overrides)]
    done = subprocess.run(
        [sys.executable, "-m", "rewriter_agent", command, str(folder / "config.yaml"), *given, *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    (folder / "output.txt").write_text(study(folder))
    return folder


@pytest.fixture(scope="module")
def result(folder: Path) -> StudyResult:
    return read_study(folder / "study" / "study.json")


def test_every_arm_is_measured(result: StudyResult) -> None:
    arms = ["expert", "best_of_budget", "grpo", "sdft", "rl_replay", "rl_greedy"]
    assert [arm.arm for arm in result.arms] == arms
    assert sorted((cell.arm, cell.seed) for cell in result.cells) == [(arm, 1) for arm in sorted(arms)]
    for cell in result.cells:
        assert {"task", "avg@1", "retention/lab_sort", "forgetting", "kl", "nll"} <= cell.metrics.keys()
    # That whose rewriter writes for another is one, too.
    assert {source.arm for source in result.sources} == {"best_of_budget", "grpo", "sdft", "rl", "rl_greedy"}


def test_the_command_ends_with_the_table_and_leaves_page_and_markdown(
    folder: Path, result: StudyResult
) -> None:
    lines = (folder / "output.txt").read_text().rstrip().split("\n")
    start = next(place for place, line in enumerate(lines) if line.split()[:3] == ["arm", "rate", "task"])
    rows = ["base", *(arm.arm for arm in result.arms)]
    assert [line.split()[0] for line in lines[start + 1 :]][: len(rows)] == rows
    assert all(line.startswith("H") for line in lines[start + 1 + len(rows) :])
    page = (folder / "study" / "study.html").read_text()
    assert all(arm.text in page for arm in result.arms)
    assert (folder / "study" / "study.md").read_text().startswith("| arm | rate |")


def test_best_of_n_spends_what_the_rewriter_has_spent(result: StudyResult) -> None:
    spent = {source.arm: source.metrics for source in result.sources}
    rl = spent["rl"]["rollouts"] + spent["rl"]["training_rollouts"]
    assert rl == 16 * 4 + 2 * 8
    assert spent["best_of_budget"]["rollouts"] == rl
    # The student itself: 10 steps of 8.
    assert spent["grpo"]["training_rollouts"] == spent["sdft"]["training_rollouts"] == rl
    # Written by the rewriter of `rl`, whose training counts for it, too.
    assert spent["rl_greedy"]["training_rollouts"] == spent["rl"]["training_rollouts"]


def test_greedy_rewriting_writes_one_text_a_problem(folder: Path) -> None:
    import pyarrow.parquet as pq

    rows = pq.read_table(
        folder / "study" / "seed-1" / "rl_greedy" / "rewrite" / "candidates.parquet"
    ).to_pylist()
    assert len({(row["problem_id"], row["text"]) for row in rows}) == len({row["problem_id"] for row in rows})


def test_replay_is_in_the_rows_of_its_arm_alone(folder: Path, result: StudyResult) -> None:
    seed = folder / "study" / "seed-1"
    counts = read_json(seed / "rl" / "rl_replay-lr0.001" / "manifest.json")["counts"]
    # 1 of 17 rows.
    assert (counts["replay_rows"], counts["replay_share"]) == (1, 0.0588)
    assert "replay_rows" not in read_json(seed / "expert" / "expert-lr0.001" / "manifest.json")["counts"]
    answers = read_json(seed / "rl" / "replay" / "manifest.json")["counts"]["rollouts"]
    assert answers > 0
    found = {cell.arm: cell.metrics.get("replay_rollouts") for cell in result.cells}
    assert found == dict.fromkeys(found, None) | {"rl_replay": answers}


def test_models_are_gone_and_seconds_are_counted(folder: Path, result: StudyResult) -> None:
    assert not list((folder / "study").glob("seed-*/*/*-lr*/model"))
    phases = {f"seed 1, {part}" for part in ("rewriting", "fine-tuning", "evaluation")}
    assert result.seconds.keys() == {"base", *phases}
    assert all(seconds > 0 for seconds in result.seconds.values())


def test_what_is_missing_is_done_again_and_nothing_else(folder: Path, result: StudyResult) -> None:
    root = folder / "study"
    shutil.rmtree(root / "seed-1" / "rl_greedy" / "rl_greedy-lr0.001")
    before = {path: path.stat().st_mtime_ns for path in root.rglob("manifest.json")}
    output = study(folder)
    assert re.search(r"1 fine-tunings, \d+ at a time", output)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert numbers(read_study(root / "study.json")) == numbers(result)
    assert "seed 1: complete, skipped" in study(folder)


def test_a_cell_alone_gives_its_numbers_again(folder: Path, result: StudyResult) -> None:
    study(folder, "name=again", "study.arms=[expert, rl_greedy]")
    again = numbers(read_study(folder / "again" / "study.json"))
    assert len(again) == 2
    assert again == {cell: metrics for cell, metrics in numbers(result).items() if cell in again}


def test_a_pilot_times_every_kind_of_work(tmp_path: Path) -> None:
    output = printed("plan", tmp_path, flags=["--measure"])
    start = output.index(" fine-tunings at a time:")
    seconds = dict(re.findall(r"^  ([a-z -]+?)  +(.+?)(?:, about .*)?$", output[start:], re.MULTILINE))
    assert list(seconds) == [
        "base",
        "rewriters",
        "rewriting",
        "fine-tuning",
        "refreshed",
        "evaluation",
        "in all",
    ]
    assert {name for name, spent in seconds.items() if spent == "0 min 00 s"} == {"refreshed"}
    # It leaves nothing that the study would take for its own.
    assert [path.name for path in (tmp_path / "study").iterdir()] == ["pilot"]


def numbers(result: StudyResult) -> dict[tuple[str, int], dict[str, float]]:
    """Results of each cell without its costs."""
    return {
        (cell.arm, cell.seed): {k: v for k, v in cell.metrics.items() if k != "seconds"}
        for cell in result.cells
    }


def test_a_study_of_lessons_measures_what_they_teach(tmp_path: Path) -> None:
    study(
        tmp_path,
        "data={source: lab, task: lessons, style: terse, num_train: 16, num_test: 4}",
        "study.arms=[expert, best_of_k]",
        "reward.min_alignment=0",
        "evaluate.retention=[lab_sort, lab_stories_1]",
        "evaluate.benchmarks=[{name: lab_composed, limit: 4}]",
    )
    result = read_study(tmp_path / "study" / "study.json")
    assert result.base.keys() >= {"retention/lab_stories_1", "benchmark/lab_composed"}
    (source,) = result.sources
    ways = [source.metrics[f"lesson_{way}"] for way in ("named", "hidden", "false")]
    assert sum(ways) == pytest.approx(1 if source.metrics["rewritten"] else 0)
    assert "composed" in (tmp_path / "study" / "study.html").read_text()
