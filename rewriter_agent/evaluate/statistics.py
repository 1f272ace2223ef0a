"""Accuracies and paired differences with their uncertainty."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev


@dataclass(frozen=True)
class Estimate:
    """A mean in [-1, 1] with its standard error over `n` items."""

    value: float
    stderr: float
    n: int


@dataclass(frozen=True)
class Change:
    """How the outcomes of the same items differ between two models."""

    value: float
    """Accuracy of the model minus accuracy of the reference."""
    stderr: float
    n: int
    lost: int
    """Items the reference answered and the model does not (1 -> 0)."""
    gained: int
    """Items the model answers and the reference did not (0 -> 1)."""
    p_value: float
    """Exact two-sided McNemar test: how likely so uneven a split of the changed items is by chance."""


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and standard error (sample standard deviation / sqrt(n), as lm-eval does); n >= 2."""
    return Estimate(fmean(values), stdev(values) / math.sqrt(len(values)), len(values))


def change(model: Mapping[str, bool], reference: Mapping[str, bool]) -> Change:
    """Paired difference of two models on the same items.

    Raises:
        ValueError: the two were not evaluated on the same items.
    """
    if model.keys() != reference.keys():
        raise ValueError(
            f"the models were evaluated on different items ({len(model)} and {len(reference)}, "
            f"{len(model.keys() & reference.keys())} in common); evaluate both with the same config"
        )
    differences = [float(model[item]) - float(reference[item]) for item in reference]
    mean = estimate(differences)
    lost, gained = differences.count(-1.0), differences.count(1.0)
    return Change(mean.value, mean.stderr, mean.n, lost, gained, mcnemar(lost, gained))


def mean_change(changes: Sequence[Change]) -> Change:
    """Unweighted mean over tasks of independent items; the test pools the changed items of all tasks."""
    lost, gained = sum(c.lost for c in changes), sum(c.gained for c in changes)
    mean = mean_estimate([Estimate(c.value, c.stderr, c.n) for c in changes])
    return Change(mean.value, mean.stderr, mean.n, lost, gained, mcnemar(lost, gained))


def mean_estimate(estimates: Sequence[Estimate]) -> Estimate:
    """Unweighted mean over tasks of independent items."""
    stderr = math.sqrt(sum(e.stderr**2 for e in estimates)) / len(estimates)
    return Estimate(fmean(e.value for e in estimates), stderr, sum(e.n for e in estimates))


def mcnemar(lost: int, gained: int) -> float:
    """Exact two-sided McNemar p-value: a sign test on the items whose outcome changed."""
    changed = lost + gained
    tail = sum(math.comb(changed, k) for k in range(min(lost, gained) + 1)) / 2**changed
    return min(1.0, 2 * tail)
