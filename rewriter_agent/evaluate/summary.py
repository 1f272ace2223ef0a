"""Gain on the task against forgetting elsewhere, per model."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from .result import LENIENT, STRICT, Drift, ModelResult, PartResult
from .statistics import (
    Change,
    Estimate,
    Paired,
    above_chance,
    change,
    estimate,
    mean_change,
    mean_estimate,
    paired,
)
from .thinking import LENGTH, THINKS


@dataclass(frozen=True)
class Comparison:
    """A model against a reference on the same items."""

    gain: Change
    """Task accuracy minus the reference's."""
    gain_lenient: Change
    """The same with lenient grading, which counts an answer in any form."""
    gain_sampled: dict[str, Change]
    """The same of sampled answers, by estimator (`avg@16`, `pass@4`, ...)."""
    benchmarks: dict[str, Change]
    retention: dict[str, Change]
    """Score minus the reference's per retention task; lenient if the task has such a grading, since a lost form is no
    lost knowledge."""
    forgetting: Change
    """The reference's mean retention minus the model's: positive is worse. `lost` and `gained` are items
    over all retention tasks."""
    forgetting_strict: Change
    """The same with strict grading: the excess over `forgetting` is lost form, not lost knowledge."""


@dataclass(frozen=True)
class PartSummary:
    """A model on one set of items."""

    metric: str
    source: str
    chance: float
    strict: Estimate
    lenient: Estimate | None
    above_chance: float
    """Lenient score, or else strict score, on a scale from 0 (guessing) to 1 (perfect)."""
    sampled: dict[str, Estimate]
    """Scores of sampled answers by estimator (`avg@16`, `pass@4`, `maj@16`)."""
    metrics: dict[str, float]
    breakdown: dict[str, dict[str, Estimate | None]]
    """Strict scores by kind (`level`, `source`, `subtask`) and group; None for a single item."""


@dataclass(frozen=True)
class DriftSummary:
    """How far a model is from the backbone, on the backbone's own answers at temperature 1; nats a token."""

    kl: Estimate
    """Estimate of `Drift.kl`."""
    nll: Estimate
    """Negative log-likelihood of the answers under the model."""
    tokens: int


@dataclass(frozen=True)
class ModelSummary:
    """One arm of a run."""

    arm: str
    task: Estimate
    task_lenient: float
    finished: float
    retention: dict[str, Estimate]
    retention_mean: Estimate
    """Unweighted over the retention tasks."""
    parts: dict[str, PartSummary]
    """Details by name: `task`, benchmarks, retention tasks."""
    drift: DriftSummary | None
    against_base: Comparison


def summarise(results: Mapping[str, ModelResult]) -> list[ModelSummary]:
    """One summary an arm, in the order given; the arm `base` is the reference.

    Raises:
        ValueError: two arms were not evaluated on the same items.
    """
    return [_summary(arm, result, results["base"]) for arm, result in results.items()]


def counts(result: ModelResult) -> dict[str, float]:
    """Main numbers of one model, flat: a part's strict score under its name, and `<part>/lenient`, `<part>/avg@k` etc.

    `retention` is the mean over the retention tasks, lenient if possible.
    """
    found = {
        part.name if grading == STRICT else f"{part.name}/{grading}": fmean(scores.values())
        for part in result.parts
        for grading, scores in part.scores.items()
    }
    found["retention"] = fmean(fmean(part.knowledge.values()) for part in result.retention)
    for part in result.parts:
        found |= {f"{part.name}/{key}": part.metrics[key] for key in (THINKS, LENGTH) if key in part.metrics}
    if result.drift:
        found["kl"] = result.drift.kl
    return {name: round(value, 4) for name, value in found.items()}


def compare(model: ModelResult, reference: ModelResult) -> Comparison:
    """How `model` differs from `reference`, item by item.

    Raises:
        ValueError: they were not evaluated on the same items.
    """
    before = {part.name: part for part in reference.parts}
    kept = {part.name: _knowledge(part, before[part.name]) for part in model.retention}
    strict = [
        paired(part.scores[STRICT], before[part.name].scores[STRICT], part.chance) for part in model.retention
    ]
    task = {
        grading: change(scores, reference.task.scores[grading])
        for grading, scores in model.task.scores.items()
    }
    return Comparison(
        gain=task[STRICT],
        gain_lenient=task.get(LENIENT, task[STRICT]),
        gain_sampled={name: found for name, found in task.items() if "@" in name},
        benchmarks={
            part.name: change(part.scores[STRICT], before[part.name].scores[STRICT])
            for part in model.benchmarks
        },
        retention={name: mean_change([pair]) for name, pair in kept.items()},
        forgetting=_negated(mean_change(list(kept.values()))),
        forgetting_strict=_negated(mean_change(strict)),
    )


def _knowledge(part: PartResult, before: PartResult) -> Paired:
    return paired(part.knowledge, before.knowledge, part.chance)


def _summary(arm: str, result: ModelResult, base: ModelResult) -> ModelSummary:
    known = {part.name: list(part.knowledge.values()) for part in result.retention}
    return ModelSummary(
        arm=arm,
        task=_estimate(result.task, STRICT),
        task_lenient=fmean(result.task.knowledge.values()),
        finished=result.task.metrics["finished"],
        retention={name: estimate(scores) for name, scores in known.items()},
        retention_mean=mean_estimate(list(known.values())),
        parts={part.name: _part(part) for part in result.parts},
        drift=_drift(result.drift) if result.drift else None,
        against_base=compare(result, base),
    )


def _part(part: PartResult) -> PartSummary:
    return PartSummary(
        metric=part.metric,
        source=part.source,
        chance=part.chance,
        strict=_estimate(part, STRICT),
        lenient=_estimate(part, LENIENT) if LENIENT in part.scores else None,
        above_chance=above_chance(fmean(part.knowledge.values()), part.chance),
        sampled={name: _estimate(part, name) for name in part.scores if "@" in name},
        metrics=part.metrics,
        breakdown={kind: _by_group(part, groups) for kind, groups in part.groups.items()},
    )


def _by_group(part: PartResult, groups: Mapping[str, str]) -> dict[str, Estimate | None]:
    scores: dict[str, list[float]] = {}
    for item, group in groups.items():
        scores.setdefault(group, []).append(part.scores[STRICT][item])
    return {group: estimate(found) if len(found) > 1 else None for group, found in sorted(scores.items())}


def _drift(drift: Drift) -> DriftSummary:
    lengths = np.array(list(drift.tokens.values()), dtype=float)
    before, after = (np.array(list(of.values())) for of in (drift.backbone_logprobs, drift.logprobs))
    # Ratio estimators: an answer's share of the tokens is its weight.
    scale = lengths.mean()
    return DriftSummary(
        kl=estimate(((before - after) / scale).tolist()),
        nll=estimate((-after / scale).tolist()),
        tokens=int(lengths.sum()),
    )


def _estimate(part: PartResult, grading: str) -> Estimate:
    return estimate(list(part.scores[grading].values()))


def _negated(value: Change) -> Change:
    return Change(
        value=-value.value,
        stderr=value.stderr,
        n=value.n,
        low=-value.high,
        high=-value.low,
        lost=value.lost,
        gained=value.gained,
        p_value=value.p_value,
        relative=None if value.relative is None else -value.relative,
        adjusted=-value.adjusted,
        lost_adjusted=value.lost_adjusted,
        gained_adjusted=value.gained_adjusted,
    )
