"""The whole way in the laboratory, ended in two stages: complete, correct, tracked, and nothing done twice."""

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from datasets import load_dataset
from transformers import AutoModelForCausalLM, PreTrainedModel

from rewriter_agent.config.model import ModelConfig
from rewriter_agent.data.load import load_problems
from rewriter_agent.data.prompt_encoder import load_tokens
from rewriter_agent.io.files import read_jsonl
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.models.resolve import load_tokenizer
from rewriter_agent.prepare.records import prepared
from rewriter_agent.tracking.panels import SECTIONS
from tests.helpers.killed_run import DATA, TABLE_ROWS, WholeRun, run_whole
from tests.helpers.processes import ROOT
from tests.helpers.wandb_files import OfflineRun, logged, missing, offline_runs, tables

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

ARMS = ("base", "expert", "rewritten")
MARGIN = 0.25
STAGES = (
    "prepare",
    "train",
    "rewrite",
    "dataset",
    "evaluate-base",
    "sft-expert",
    "sft-rewritten",
    "evaluate-expert",
    "evaluate-rewritten",
    "report",
)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> WholeRun:
    return run_whole(tmp_path_factory.mktemp("whole_run"))


@pytest.fixture(scope="module")
def totals(whole_run: WholeRun) -> dict[str, list[float]]:
    """Total of each candidate by problem, 0 for a candidate that does not pass the gate."""
    found: dict[str, list[float]] = {}
    for row in pq.read_table(whole_run.folder / "rewrite" / "candidates.parquet").to_pylist():
        found.setdefault(row["problem_id"], []).append(row["total"] if row["gate"] else 0.0)
    return found


@pytest.fixture(scope="module")
def rewrites(whole_run: WholeRun) -> list[dict[str, Any]]:
    return pq.read_table(whole_run.folder / "rewrite" / "rewrites.parquet").to_pylist()


@pytest.fixture(scope="module")
def runs(whole_run: WholeRun) -> list[OfflineRun]:
    assert whole_run.status == 0, whole_run.output[-3000:]
    return offline_runs(whole_run.folder)


def load(folder: Path) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def completion_logprobs(model: PreTrainedModel, prompt: list[int], ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        logits = model(torch.tensor([prompt + ids])).logits[0, len(prompt) - 1 : -1].float()
    return logits.log_softmax(-1).gather(1, torch.tensor(ids)[:, None])[:, 0]


def sft_rows(run: WholeRun, arm: str) -> list[tuple[list[int], list[int]]]:
    rows = pq.read_table(run.folder / f"sft-{arm}" / "rows.parquet").to_pylist()
    return [(row["prompt_ids"], row["completion_ids"]) for row in rows[:8]]


def test_run_ends_well_with_every_manifest(whole_run: WholeRun) -> None:
    assert whole_run.status == 0, whole_run.output[-3000:]
    manifests = {stage: whole_run.folder / stage / "manifest.json" for stage in STAGES}
    assert all(json.loads(path.read_text())["stage"] == stage for stage, path in manifests.items())


def test_a_kill_came_in_the_middle_of_its_stage(whole_run: WholeRun) -> None:
    # A launcher's end takes seconds to reach the workers; on a fast machine a short stage may finish meanwhile.
    assert any(ended.mid_stage for ended in whole_run.ended.values())
    for name, ended in whole_run.ended.items():
        assert name.startswith("SIGINT") or ended.status == -signal.SIGKILL


def test_a_fine_tuning_resumes_after_its_process_was_killed(whole_run: WholeRun) -> None:
    final = read_jsonl(whole_run.folder / "sft-rewritten" / "metrics.jsonl")
    assert [row["step"] for row in final] == list(range(1, final[-1]["max_steps"] + 1))
    # The lines carry times: a step that was done again has another line.
    kept = [row for row in final if row == whole_run.killed_at.get(row["step"])]
    assert 0 < len(kept) < len(final)
    assert [row["step"] for row in kept] == list(range(1, len(kept) + 1))


def test_nothing_outlives_a_run_or_its_launcher(whole_run: WholeRun) -> None:
    assert whole_run.left == {"SIGKILL train": [], "SIGINT rewrite": [], "last": []}


def test_interrupt_ends_with_130_and_says_how_to_resume(whole_run: WholeRun) -> None:
    interrupted = whole_run.ended["SIGINT rewrite"]
    assert interrupted.status == 130
    assert "re-run the same command to resume" in interrupted.output
    assert "Traceback" not in interrupted.output


def test_progress_reaches_a_file_as_it_happens(whole_run: WholeRun) -> None:
    # What a killed launcher had not yet passed on is lost.
    assert "[prepare 00:" in whole_run.ended["SIGKILL train"].output


def test_no_dashboard_answers_afterwards(whole_run: WholeRun) -> None:
    output = whole_run.ended["SIGINT rewrite"].output
    found = re.search(r"Ray dashboard: http://127\.0\.0\.1:(\d+)", output)
    assert found, output[-3000:]
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", int(found[1]))) != 0


def test_finished_shards_are_not_done_again(whole_run: WholeRun) -> None:
    shards = whole_run.ended["SIGINT rewrite"].shards
    assert shards
    assert {path: path.stat().st_mtime_ns for path in shards} == shards


def test_training_resumes_from_its_checkpoint(whole_run: WholeRun) -> None:
    ended = whole_run.ended["SIGKILL train"]
    if not ended.mid_stage:
        pytest.skip("the stage finished before the kill reached it")
    final = {row["step"]: row for row in read_jsonl(whole_run.folder / ended.stage / "metrics.jsonl")}
    assert 0 < ended.checkpoint <= ended.metrics[-1]["step"] <= ended.metrics[-1]["max_steps"]
    # The lines carry times and gradients: a step that was done again has another line.
    same = [row["step"] for row in ended.metrics if final[row["step"]] == row]
    assert same == list(range(1, ended.checkpoint + 1))


def test_each_step_has_one_line(whole_run: WholeRun) -> None:
    for stage in ("train", "sft-expert", "sft-rewritten"):
        rows = read_jsonl(whole_run.folder / stage / "metrics.jsonl")
        assert [row["step"] for row in rows] == list(range(1, rows[0]["max_steps"] + 1)), stage


@pytest.mark.parametrize("term", ["gate", "alignment", "diversity", "total"])
def test_reward_term_is_not_constant(whole_run: WholeRun, term: str) -> None:
    rows = read_jsonl(whole_run.folder / "train" / "metrics.jsonl")
    means = [row[f"reward_terms/{term}_mean"] for row in rows]
    spreads = [row[f"reward_terms/{term}_std"] for row in rows]
    assert max(spreads) > 0
    assert pstdev(means) > 0
    assert all(0 <= value <= (2 if term == "total" else 1) for value in means)


def test_every_problem_has_one_target_in_order(whole_run: WholeRun, rewrites: list[dict[str, Any]]) -> None:
    given = [problem.id for problem in load_problems(DATA).train]
    assert [row["problem_id"] for row in rewrites] == given
    assert len(set(given)) == DATA.num_train
    counts = json.loads((whole_run.folder / "rewrite" / "manifest.json").read_text())["counts"]
    outcomes = [row["outcome"] for row in rewrites]
    assert counts["rewritten"] == outcomes.count("rewritten") > 0
    assert counts["rewritten"] + counts.get("expert_fallback", 0) == counts["problems"] == DATA.num_train
    assert counts["rescored"] == DATA.num_train
    assert counts["rescored_difference"] < 0.01
    assert counts["behavior_rescored"] == counts["rewritten"]
    assert counts["behavior_rescored_difference"] < 0.01


def test_targets_are_verified_or_the_experts(
    rewrites: list[dict[str, Any]], totals: dict[str, list[float]]
) -> None:
    for row in rewrites:
        tried = totals[row["problem_id"]]
        if row["outcome"] == "rewritten":
            assert row["target_text"].endswith(f"#### {row['answer']}")
            assert tried[row["selected"]] == max(tried) > 0
        else:
            assert row["target_text"] == row["expert_solution"]
            assert max(tried) == 0


def test_targets_have_the_log_probs_of_their_writer_and_of_the_backbone(
    whole_run: WholeRun, rewrites: list[dict[str, Any]]
) -> None:
    backbone, rewriter = load(LAB_FOLDER), load(whole_run.folder / "train" / "model")
    tokens = load_tokens(str(LAB_FOLDER), ModelConfig())
    problems = {
        row.problem.id: row.problem for row in prepared(whole_run.folder / "prepare" / "train.parquet")
    }
    differences, of_the_other = [], []
    for row in rewrites[:12]:
        problem, ids = problems[row["problem_id"]], row["target_ids"]
        prior = completion_logprobs(backbone, tokens.question(problem), ids)
        written = (
            completion_logprobs(rewriter, tokens.rewriting(problem), ids)
            if row["behavior"] == "rewriter"
            else torch.zeros(len(ids))
        )
        assert row["behavior"] == ("rewriter" if row["outcome"] == "rewritten" else "expert")
        for model, given in ((prior, row["prior_logprobs"]), (written, row["behavior_logprobs"])):
            differences.append((model - torch.tensor(given)).abs().mean().item())
        of_the_other.append((prior - torch.tensor(row["behavior_logprobs"])).abs().mean().item())
    assert "rewriter" in {row["behavior"] for row in rewrites[:12]}
    assert max(differences) < 0.05
    assert fmean(of_the_other) > 5 * fmean(differences)


def test_the_targets_are_a_data_set_that_others_can_train_on(
    whole_run: WholeRun, rewrites: list[dict[str, Any]], tmp_path: Path
) -> None:
    loaded = load_dataset(str(whole_run.folder / "dataset"), split="train", cache_dir=str(tmp_path))
    assert [row["completion"][0]["content"] for row in loaded] == [row["target_text"] for row in rewrites]


@pytest.mark.parametrize("arm", ["expert", "rewritten"])
def test_finetuned_model_is_a_plain_folder_with_other_weights(whole_run: WholeRun, arm: str) -> None:
    folder = whole_run.folder / f"sft-{arm}" / "model"
    model, before = load(folder), dict(load(LAB_FOLDER).named_parameters())
    assert load_tokenizer(str(folder)).eos_token_id == model.config.eos_token_id
    assert any(not torch.equal(weight, before[name]) for name, weight in model.named_parameters())
    for prompt, target in sft_rows(whole_run, arm):
        assert completion_logprobs(model, prompt, target).isfinite().all()


def test_finetuning_teaches_the_experts_words(whole_run: WholeRun) -> None:
    # Rewrites are the backbone's own words, in which there is little to learn; the expert's are foreign to it.
    model, backbone = load(whole_run.folder / "sft-expert" / "model"), load(LAB_FOLDER)
    gains = [
        (completion_logprobs(model, *row) - completion_logprobs(backbone, *row)).mean().item()
        for row in sft_rows(whole_run, "expert")
    ]
    assert fmean(gains) > 1


def test_expert_data_makes_the_backbone_forget_how_to_solve_problems(whole_run: WholeRun) -> None:
    report = json.loads((whole_run.folder / "report" / "report.json").read_text())
    solved = {arm["arm"]: arm["task"]["value"] for arm in report["arms"]}
    print(f"task: {solved}")
    assert solved["base"] > solved["expert"] + MARGIN
    assert solved["rewritten"] > solved["expert"] + MARGIN


@pytest.mark.parametrize("arm", ["expert", "rewritten"])
def test_finetuning_moves_the_backbone_away_from_its_own_answers(whole_run: WholeRun, arm: str) -> None:
    rows = read_jsonl(whole_run.folder / f"sft-{arm}" / "metrics.jsonl")
    moved = [row["probe/kl"] for row in rows if "probe/kl" in row]
    print(f"KL of {arm}: {moved[0]:.4f} to {moved[-1]:.4f}")
    assert 0 <= moved[0] < 0.01
    assert moved[-1] > 2 * moved[0]
    assert {f"unweighted_loss/{arm}", "mask_fraction"} <= rows[0].keys()


def test_report_has_the_numbers_of_the_evaluations(whole_run: WholeRun) -> None:
    report = json.loads((whole_run.folder / "report" / "report.json").read_text())
    page = (whole_run.folder / "report" / "report.html").read_text()
    assert [arm["arm"] for arm in report["arms"]] == list(ARMS)
    results = {
        arm: json.loads((whole_run.folder / f"evaluate-{arm}" / "result.json").read_text()) for arm in ARMS
    }
    for arm in report["arms"]:
        result = results[arm["arm"]]
        correct = result["task"]["scores"]["strict"].values()
        assert len(correct) == DATA.num_test
        assert arm["task"]["value"] == pytest.approx(fmean(correct))
        assert arm["task"]["value"] == pytest.approx(result["task"]["metrics"]["accuracy"])
        assert f"{100 * arm['task']['value']:.1f}" in page
        for part in result["retention"]:
            key = "acc,none" if part["name"] == "sciq" else "exact"
            assert arm["retention"][part["name"]]["value"] == pytest.approx(part["metrics"][key])
        gain = fmean(correct) - fmean(results["base"]["task"]["scores"]["strict"].values())
        assert arm["against_base"]["gain"]["value"] == pytest.approx(gain)
        sampled = fmean(result["task"]["scores"]["avg@2"].values())
        assert arm["parts"]["task"]["sampled"]["avg@2"]["value"] == pytest.approx(sampled)


def test_the_finetuned_models_have_moved_on_the_backbones_own_answers(whole_run: WholeRun) -> None:
    report = json.loads((whole_run.folder / "report" / "report.json").read_text())
    kl = {arm["arm"]: arm["drift"]["kl"]["value"] for arm in report["arms"]}
    print(f"KL on the backbone's own answers to test problems: {kl}")
    # The engines of the two models differ in nothing but their weights.
    assert abs(kl["base"]) < 1e-3
    assert min(kl["expert"], kl["rewritten"]) > 0.01


def test_answers_are_kept_and_graded_again_without_a_model(whole_run: WholeRun) -> None:
    folder = whole_run.folder / "evaluate-base"
    answers = pq.read_table(folder / "answers" / "task").to_pylist()
    assert len(answers) == DATA.num_test * 3
    before = (folder / "result.json").read_text()
    command = [
        sys.executable,
        "-m",
        "rewriter_agent",
        "evaluate",
        str(whole_run.folder.parent / "config.yaml"),
    ]
    done = subprocess.run(
        [*command, "--arms", "base", "--regrade"], capture_output=True, text=True, timeout=900, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (folder / "result.json").read_text() == before
    assert "problems answered" not in done.stdout


def test_running_it_again_skips_every_stage(whole_run: WholeRun) -> None:
    assert whole_run.again_status == 0, whole_run.again_output[-3000:]
    skipped = re.findall(r"\[(\S+) \d\d:\d\d\] complete, skipped", whole_run.again_output)
    assert skipped == list(STAGES)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.title)
def test_every_panels_metrics_are_logged_by_the_stages_it_is_of(runs: list[OfflineRun], section) -> None:
    present = logged(run for run in runs if run.job_type in section.stages)
    assert {panel.title: missing(panel.metrics, present) for panel in section.panels} == {
        panel.title: [] for panel in section.panels
    }


def test_every_metric_is_drawn_against_its_sections_step(runs: list[OfflineRun]) -> None:
    steps = {stage: section.step for section in SECTIONS for stage in section.stages}
    for run in runs:
        rows = [row for row in run.history if any("/" in name for name in row)]
        assert all(steps[run.job_type] in row for row in rows), run.job_type
        assert set(run.axes.values()) <= {steps.get(run.job_type)}


@pytest.mark.parametrize("stage", ["train", "rewrite"])
def test_a_stage_that_was_ended_resumes_its_run(runs: list[OfflineRun], stage: str) -> None:
    # Resumed, and opened for the artifact; a process killed early may have written nothing.
    assert len([run for run in runs if run.job_type == stage]) >= 2
    assert len({run.id for run in runs if run.job_type == stage}) == 1


@pytest.mark.parametrize(
    ("stage", "metric"),
    [
        ("train", "train/loss"),
        ("rewrite", "rewrite/rollouts"),
        ("sft-expert", "train/loss"),
        ("sft-rewritten", "train/loss"),
    ],
)
def test_no_step_is_missing_though_the_stage_was_killed(
    runs: list[OfflineRun], whole_run: WholeRun, stage: str, metric: str
) -> None:
    (step,) = {section.step for section in SECTIONS if stage in section.stages}
    rows = [row for run in runs if run.job_type == stage for row in run.history if metric in row]
    assert {row[step] for row in rows} == {
        row["step"] for row in read_jsonl(whole_run.folder / stage / "metrics.jsonl")
    }


def test_tables_of_samples_are_bounded(runs: list[OfflineRun], whole_run: WholeRun) -> None:
    (samples,) = [count for run in runs for count in tables(run, "rewrite/samples")]
    completions = [count for run in runs for count in tables(run, "completions")]
    assert samples == TABLE_ROWS
    assert set(completions) == {TABLE_ROWS}
    files = list((whole_run.folder / "train" / "completions").glob("*.parquet"))
    assert len(completions) >= len(files) > 0


def test_artifacts_lead_from_the_model_back_to_the_rewriter(runs: list[OfflineRun]) -> None:
    found = {artifact["name"]: artifact for run in runs for artifact in run.artifacts}
    stages = ("train", "rewrite", "dataset", "sft-expert", "sft-rewritten")
    assert found.keys() == {f"e2e-{stage}" for stage in stages}
    for stage in ("sft-rewritten", "rewrite"):
        (used,) = found[f"e2e-{stage}"]["metadata"]["artifacts"]
        name, fingerprint = used.split(":")
        assert fingerprint in found[name]["aliases"]
    files = [entry for artifact in found.values() for entry in artifact["manifest"]["contents"]]
    assert all(entry["ref"].startswith("file://") for entry in files)
    evaluated = next(run for run in runs if run.job_type == "evaluate-rewritten")
    assert evaluated.config["lineage"]["artifacts"][0].startswith("e2e-sft-rewritten:")
