"""Reads a finished run folder into `ReportData`."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ..diversity import DatasetDiversity, dataset_diversity
from ..evaluate.result import read_result
from ..evaluate.summary import compare, summarise
from ..files import read_jsonl
from ..inputs import WORLD
from ..rewrite.tally import Tally
from .data import (
    CandidateScore,
    LabWorld,
    ReportData,
    Rewriting,
    Sample,
    Series,
    SFTCurve,
    StageTime,
    Training,
)

ARMS = ("base", "expert", "rewritten")
STAGES = (
    "prepare",
    "train",
    "rewrite",
    "sft-expert",
    "sft-rewritten",
    *(f"evaluate-{arm}" for arm in ARMS),
)
REWARD_TERMS = ("gate", "alignment", "diversity", "total")
HEALTH = (
    "reward",
    "reward_std",
    "frac_reward_zero_std",
    "kl",
    "entropy",
    "completions/mean_length",
    "sampling/sampling_logp_difference/mean",
)
SHOWN_PER_OUTCOME = 3


def collect(run_dir: Path) -> ReportData:
    """Everything that the report of the run in `run_dir` shows.

    Raises:
        ValueError: a stage is not complete, naming it.
    """
    manifests = {stage: _manifest(run_dir, stage) for stage in STAGES if stage != "train"}
    results = {arm: read_result(run_dir / f"evaluate-{arm}" / "result.json") for arm in ARMS}
    rows = pq.read_table(run_dir / "rewrite" / "rewrites.parquet").to_pylist()
    firsts = [row for row in rows if row["target"] == 0]
    # Without a rewriter of its own the run has not trained, though an earlier config may have.
    learned = "train" in manifests["rewrite"]["inputs"]
    if learned:
        manifests["train"] = _manifest(run_dir, "train")
    return ReportData(
        name=run_dir.resolve().name,
        finished_at=max(manifest["finished_at"] for manifest in manifests.values()),
        lab_world=_lab_world(manifests["prepare"]),
        arms=summarise(results),
        rewritten_against_expert=compare(results["rewritten"], results["expert"]),
        training=_training(read_jsonl(run_dir / "train" / "metrics.jsonl")) if learned else None,
        rewriting=_rewriting(rows, firsts),
        sft={arm: _sft(read_jsonl(run_dir / f"sft-{arm}" / "metrics.jsonl")) for arm in ARMS[1:]},
        samples=_samples(firsts),
        stages=[
            StageTime(stage, manifests[stage]["wall_seconds"], manifests[stage]["counts"])
            for stage in STAGES
            if stage in manifests
        ],
        config=(run_dir / "config.yaml").read_text(encoding="utf-8"),
        versions=_versions(manifests.values()),
    )


def _manifest(run_dir: Path, stage: str) -> dict[str, Any]:
    path = run_dir / stage / "manifest.json"
    if not path.exists():
        raise ValueError(
            f"stage '{stage}' of {run_dir} is not complete (no {path.name}); a report needs "
            f"{', '.join(STAGES)}. `rewriter-agent run` does every stage in order."
        )
    return json.loads(path.read_text(encoding="utf-8"))


def _lab_world(prepare: dict[str, Any]) -> LabWorld | None:
    """As it was when the run began, which need not be the installed one."""
    world = prepare["inputs"].get(WORLD)
    return LabWorld(*world.split()) if world else None


def _versions(manifests: Iterable[dict[str, Any]]) -> dict[str, str]:
    """A package that changed on the way has every version it was used in."""
    found: dict[str, list[str]] = {}
    for manifest in manifests:
        for package, version in manifest["versions"].items():
            if version not in found.setdefault(package, []):
                found[package].append(version)
    return {package: " and ".join(versions) for package, versions in found.items()}


def _training(rows: list[dict[str, Any]]) -> Training:
    steps = _steps(rows, "reward_terms/gate_mean")
    return Training(
        reward_terms={
            term: _series(steps, f"reward_terms/{term}_mean", f"reward_terms/{term}_std")
            for term in REWARD_TERMS
        },
        health={key: series for key in HEALTH if any(_present(series := _series(steps, key)))},
    )


def _sft(rows: list[dict[str, Any]]) -> SFTCurve:
    steps = _steps(rows, "unweighted_loss")
    return SFTCurve(
        _series(steps, "loss"),
        _series(steps, "unweighted_loss"),
        _series(steps, "ess"),
        _series(_steps(rows, "probe/kl"), "probe/kl"),
    )


def _steps(rows: Sequence[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """Rows that have `key`; of a step that was done again after a restart, the last."""
    latest = {row["step"]: row for row in rows if key in row}
    return [latest[step] for step in sorted(latest)]


def _series(rows: Sequence[dict[str, Any]], mean: str, std: str | None = None) -> Series:
    return Series(
        steps=[row["step"] for row in rows],
        mean=[_finite(row.get(mean)) for row in rows],
        std=[_finite(row.get(std)) for row in rows] if std else [],
    )


def _present(series: Series) -> list[bool]:
    return [value is not None for value in series.mean]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _rewriting(rows: Sequence[dict[str, Any]], firsts: Sequence[dict[str, Any]]) -> Rewriting:
    """Of all targets, and of each problem's first one."""
    tally = Tally.of(rows)
    return Rewriting(
        strategy=rows[0]["strategy"],
        outcomes=dict(tally.outcomes.most_common()),
        targets=tally.targets,
        fallback_reasons=dict(tally.reasons.most_common()),
        cost=dict(tally.costs),
        rejections=tally.rejections,
        candidates=tally.verdicts.total(),
        diversity=_diversity(firsts),
    )


def _diversity(rows: Sequence[dict[str, Any]]) -> dict[str, DatasetDiversity]:
    columns = {"expert solutions": "expert_solution", "targets": "target_text"}
    return {
        name: dataset_diversity([row[column] for row in rows])
        for name, column in columns.items()
        if len(rows) > 1
    }


def _counts(codes: Iterable[str]) -> dict[str, int]:
    return dict(Counter(codes).most_common())


def _samples(rows: Sequence[dict[str, Any]]) -> list[Sample]:
    """The first rows of each outcome: not chosen for looking well."""
    outcomes = _counts(row["outcome"] for row in rows)
    chosen = [[row for row in rows if row["outcome"] == outcome][:SHOWN_PER_OUTCOME] for outcome in outcomes]
    return [_sample(row) for group in chosen for row in group]


def _sample(row: dict[str, Any]) -> Sample:
    scores = [CandidateScore(**_fields(CandidateScore, score)) for score in row["scores"]]
    return Sample(**_fields(Sample, row | {"scores": scores}))


def _fields(kind: type[Sample] | type[CandidateScore], row: dict[str, Any]) -> dict[str, Any]:
    """Those of the table's columns that the report has a field for."""
    return {field.name: row[field.name] for field in fields(kind)}
