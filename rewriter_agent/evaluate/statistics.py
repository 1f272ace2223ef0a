"""Accuracies and paired differences with their uncertainty."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, bootstrap

CONFIDENCE = 0.95
SIGNIFICANCE = 1 - CONFIDENCE
RESAMPLES = 2000
RESAMPLES_AT_A_TIME = 100
"""Index arrays in memory at once."""
RIGHT = 0.5
"""Lowest score that counts as right when outcomes are counted; most scores are 0 or 1."""


@dataclass(frozen=True)
class Estimate:
    """A mean in [-1, 1] over `n` items, with its standard error and 95 % bootstrap interval."""

    value: float
    stderr: float
    n: int
    low: float
    high: float


@dataclass(frozen=True)
class Change:
    """How the outcomes of the same items differ between two models."""

    value: float
    """Mean score of the model minus that of the reference."""
    stderr: float
    n: int
    low: float
    high: float
    """95 % bootstrap interval over items, each task's items drawn by themselves; see `mean_change`."""
    lost: int
    """Items the reference answered and the model does not (1 -> 0)."""
    gained: int
    """Items the model answers and the reference did not (0 -> 1)."""
    p_value: float
    """Two-sided p-value of no difference, below 0.05 if and only if the interval excludes 0; see `mean_change`."""
    relative: float | None
    """`value` as a share of the reference's mean score; None where that is 0."""
    adjusted: float
    """`value` with guessing taken out, see `Paired.chance`."""
    lost_adjusted: float
    """Share of the items that the reference knew and the model only guesses or misses."""
    gained_adjusted: float
    """Share of the items that the model knows and the reference only guessed or missed."""

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Paired:
    """Scores in [0, 1] of two models on the items of one task, in the same order."""

    model: NDArray[np.float64]
    reference: NDArray[np.float64]
    chance: float
    """Expected score of a guess: 1 / k for one of k choices, 0 if there is nothing to choose."""

    @property
    def difference(self) -> float:
        """Mean score of the model minus that of the reference."""
        return fmean(self.model - self.reference)

    @property
    def lost(self) -> int:
        """Items that only the reference has right."""
        return int(((self.reference >= RIGHT) & (self.model < RIGHT)).sum())

    @property
    def gained(self) -> int:
        """Items that only the model has right."""
        return int(((self.reference < RIGHT) & (self.model >= RIGHT)).sum())

    @property
    def outcomes_only(self) -> bool:
        """Whether every item is either right or wrong, so that `lost` and `gained` count every change."""
        return bool(np.isin(self.model - self.reference, (-1, 0, 1)).all())

    def known_before_only(self, changed: int) -> float:
        """Share of items known to one model and unknown to the other, of which `changed` show as changed.

        If an item is either known or guessed, right with probability c and independently per model, one known to the
        first only shows as changed with probability 1 - c, and one known to neither with c (1 - c); as wrong both
        times only the latter does, with (1 - c)^2. So the share is p_changed / (1 - c) - c p_00 / (1 - c)^2. The idea
        of adjusting transitions is that of arXiv 2510.17776; this is the estimate under that model of guessing.
        """
        c, n = self.chance, len(self.model)
        wrong_twice = int(((self.reference < RIGHT) & (self.model < RIGHT)).sum())
        return max(0.0, changed / n / (1 - c) - c * wrong_twice / n / (1 - c) ** 2)


def estimate(values: Sequence[float]) -> Estimate:
    """Mean over at least two items; its standard error is sample standard deviation / sqrt(n), as in lm-eval."""
    return mean_estimate([values])


def mean_estimate(tasks: Sequence[Sequence[float]]) -> Estimate:
    """Unweighted mean over tasks of independent items."""
    samples = [np.asarray(task, dtype=np.float64) for task in tasks]
    low, high, _ = _interval(samples)
    return Estimate(fmean(fmean(task) for task in tasks), _stderr(samples), sum(map(len, samples)), low, high)


def paired(model: Mapping[str, float], reference: Mapping[str, float], chance: float = 0.0) -> Paired:
    """Two models on one task, item by item.

    Raises:
        ValueError: the two were not evaluated on the same items.
    """
    if model.keys() != reference.keys():
        raise ValueError(
            f"the models were evaluated on different items ({len(model)} and {len(reference)}, "
            f"{len(model.keys() & reference.keys())} in common); evaluate both with the same config"
        )
    scores = [[float(of[item]) for item in reference] for of in (model, reference)]
    return Paired(np.array(scores[0]), np.array(scores[1]), chance)


def change(model: Mapping[str, float], reference: Mapping[str, float], chance: float = 0.0) -> Change:
    """Paired difference of two models on the same items of one task.

    Raises:
        ValueError: the two were not evaluated on the same items.
    """
    return mean_change([paired(model, reference, chance)])


def mean_change(tasks: Sequence[Paired]) -> Change:
    """Average the paired differences over tasks of independent items, unweighted.

    The bootstrap is too narrow if few items change: all four changed items of 100 in one direction would exclude 0.
    So a difference of outcomes has to pass McNemar's exact test as well, on the changed items of all tasks:
    the p-value is the larger of the two, and the interval is extended to 0 if the exact test does not reject 0.
    """
    differences = [task.model - task.reference for task in tasks]
    value = fmean(task.difference for task in tasks)
    low, high, p_value = _interval(differences)
    before = fmean(fmean(task.reference) for task in tasks)
    lost, gained = sum(task.lost for task in tasks), sum(task.gained for task in tasks)
    if all(task.outcomes_only for task in tasks):
        exact = mcnemar(lost, gained)
        p_value = max(p_value, exact)
        if exact >= SIGNIFICANCE:
            low, high = min(low, 0.0), max(high, 0.0)
    return Change(
        value=value,
        stderr=_stderr(differences),
        n=sum(map(len, differences)),
        low=low,
        high=high,
        lost=lost,
        gained=gained,
        p_value=p_value,
        relative=value / before if before else None,
        adjusted=fmean(fmean(d) / (1 - task.chance) for d, task in zip(differences, tasks, strict=True)),
        lost_adjusted=fmean(task.known_before_only(task.lost) for task in tasks),
        gained_adjusted=fmean(task.known_before_only(task.gained) for task in tasks),
    )


def above_chance(score: float, chance: float) -> float:
    """Score on a scale from 0 (guessing) to 1 (perfect): (score - chance) / (1 - chance)."""
    return (score - chance) / (1 - chance)


def mcnemar(lost: int, gained: int) -> float:
    """Exact two-sided McNemar p-value: a sign test on the items whose outcome changed."""
    if not lost + gained:
        return 1.0
    return float(binomtest(lost, lost + gained).pvalue)


def _stderr(samples: Sequence[NDArray[np.float64]]) -> float:
    variances = [stdev(sample) ** 2 / len(sample) for sample in samples]
    return math.sqrt(sum(variances)) / len(samples)


def _interval(samples: Sequence[NDArray[np.float64]]) -> tuple[float, float, float]:
    """Bootstrap the mean of the samples' means: both ends of its percentile interval, and the p-value of a mean of 0.

    The same samples give the same numbers.
    """

    def mean_of_means(*resampled: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        return np.mean([sample.mean(axis=axis) for sample in resampled], axis=0)

    found = bootstrap(
        samples,
        mean_of_means,
        n_resamples=RESAMPLES,
        batch=RESAMPLES_AT_A_TIME,
        confidence_level=CONFIDENCE,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    means = found.bootstrap_distribution
    p_value = 2 * min(float((means <= 0).mean()), float((means >= 0).mean()))
    return float(found.confidence_interval.low), float(found.confidence_interval.high), min(1.0, p_value)
