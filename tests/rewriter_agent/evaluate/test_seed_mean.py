"""Means over seeds and their intervals."""

import pytest
from scipy.stats import ttest_1samp

from rewriter_agent.evaluate.seed_mean import SeedMean


def over(*values: float) -> SeedMean:
    return SeedMean.of(dict(enumerate(values)))


def test_the_interval_is_students() -> None:
    # t(0.975, 2) = 4.3027; the standard error of 1, 2, 3 is 1 / sqrt(3).
    mean = over(1.0, 2.0, 3.0)
    assert mean.value == 2
    assert mean.high - mean.value == pytest.approx(4.30265 / 3**0.5, rel=1e-5)
    assert mean.value - mean.low == pytest.approx(mean.high - mean.value)
    same = over(0.4, 0.4)
    assert (same.low, same.high) == (0.4, 0.4)


def test_beyond_chance_is_scipys_t_test() -> None:
    for values in ([0.1, 0.2, 0.1], [0.1, 0.2, -0.1], [-0.3, -0.2, -0.2, -0.4, -0.1], [0.0, 0.1]):
        assert over(*values).beyond_chance == (ttest_1samp(values, 0.0).pvalue < 0.05)


def test_one_seed_has_no_interval_and_shows_nothing() -> None:
    one = over(0.3)
    assert (one.low, one.high, one.has_interval, one.beyond_chance) == (0.3, 0.3, False, False)


def test_differences_are_paired_over_the_seeds_that_both_have() -> None:
    one, other = SeedMean.of({0: 0.5, 1: 0.7}), SeedMean.of({1: 0.4})
    assert one.minus(other).by_seed == pytest.approx({1: 0.3})
    assert not one.minus(other).has_interval
    assert one.minus(other, factor=0.5).by_seed == pytest.approx({1: 0.5})
