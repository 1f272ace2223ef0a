"""Gain on the task against forgetting elsewhere, per model."""

from collections.abc import Mapping
from dataclasses import dataclass

from .result import ModelResult, PartResult
from .statistics import Change, Estimate, change, estimate, mean_change, mean_estimate


@dataclass(frozen=True)
class Comparison:
    """A model against a reference on the same items."""

    gain: Change
    """Task accuracy minus the reference's."""
    retention: dict[str, Change]
    """Per retention task, accuracy minus the reference's."""
    forgetting: Change
    """The reference's mean retention minus the model's: positive is worse. `lost` and `gained` are items
    over all retention tasks."""


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
    against_base: Comparison


def summarise(results: Mapping[str, ModelResult]) -> list[ModelSummary]:
    """One summary an arm, in the order given; the arm `base` is the reference.

    Raises:
        ValueError: two arms were not evaluated on the same items.
    """
    return [_summary(arm, result, results["base"]) for arm, result in results.items()]


def compare(model: ModelResult, reference: ModelResult) -> Comparison:
    """How `model` differs from `reference`, item by item.

    Raises:
        ValueError: they were not evaluated on the same items.
    """
    before = {part.name: part for part in reference.retention}
    retention = {part.name: change(part.correct, before[part.name].correct) for part in model.retention}
    return Comparison(
        gain=change(model.task.correct, reference.task.correct),
        retention=retention,
        forgetting=_negated(mean_change(list(retention.values()))),
    )


def _summary(arm: str, result: ModelResult, base: ModelResult) -> ModelSummary:
    retention = {part.name: _accuracy(part) for part in result.retention}
    return ModelSummary(
        arm=arm,
        task=_accuracy(result.task),
        task_lenient=result.task.metrics["accuracy_lenient"],
        finished=result.task.metrics["finished"],
        retention=retention,
        retention_mean=mean_estimate(list(retention.values())),
        against_base=compare(result, base),
    )


def _accuracy(part: PartResult) -> Estimate:
    return estimate([float(outcome) for outcome in part.correct.values()])


def _negated(value: Change) -> Change:
    return Change(-value.value, value.stderr, value.n, value.lost, value.gained, value.p_value)
