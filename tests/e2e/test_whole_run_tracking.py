"""What the whole run has told W&B, read back from its offline files."""

import pytest

from rewriter_agent.io.files import read_jsonl
from rewriter_agent.tracking.panels import SECTIONS
from tests.helpers.killed_run import TABLE_ROWS, WholeRun
from tests.helpers.wandb_files import OfflineRun, logged, missing, offline_runs, tables

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def runs(whole_run: WholeRun) -> list[OfflineRun]:
    assert whole_run.status == 0, whole_run.output[-3000:]
    return offline_runs(whole_run.folder)


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
