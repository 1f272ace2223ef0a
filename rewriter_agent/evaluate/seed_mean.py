"""Means over seeds with Student's t intervals: the one kind of interval over seeds in all reports."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.stats import t as student

from .statistics import CONFIDENCE


@dataclass(frozen=True)
class SeedMean:
    """Mean of a quantity over seeds and its 95 % interval by Student's t.

    A percentile bootstrap of five values covers only 84 %. A single seed has no interval: both ends are the value.
    """

    value: float
    low: float
    high: float
    by_seed: dict[int, float]

    @classmethod
    def of(cls, by_seed: Mapping[int, float]) -> "SeedMean":
        """Compute mean and interval of the values of one or more seeds."""
        values = list(by_seed.values())
        mean, half = fmean(values), _half_width(values) if len(values) > 1 else 0.0
        return cls(mean, mean - half, mean + half, dict(by_seed))

    @property
    def has_interval(self) -> bool:
        """Whether there is more than one seed."""
        return len(self.by_seed) > 1

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval excludes 0."""
        return self.has_interval and (self.low > 0 or self.high < 0)

    def minus(self, other: "SeedMean", factor: float = 1.0) -> "SeedMean":
        """Paired difference from `factor` times `other`, over the seeds that both have."""
        shared = {seed: value for seed, value in self.by_seed.items() if seed in other.by_seed}
        return SeedMean.of({seed: value - factor * other.by_seed[seed] for seed, value in shared.items()})


def _half_width(values: list[float]) -> float:
    quantile = student.ppf((1 + CONFIDENCE) / 2, len(values) - 1)
    return float(quantile) * stdev(values) / math.sqrt(len(values))
