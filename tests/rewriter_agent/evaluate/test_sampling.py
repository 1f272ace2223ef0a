"""pass@k and maj@k against every subset, by hand and against scipy's hypergeometric distribution."""

from collections import Counter
from itertools import combinations
from math import isclose
from random import Random

import pytest
from scipy.stats import hypergeom

from rewriter_agent.evaluate.sampling import maj_at_k, pass_at_k, sizes


@pytest.mark.parametrize(("n", "right"), [(1, 0), (1, 1), (5, 2), (16, 1), (16, 16), (10, 0)])
def test_pass_at_k_is_that_of_drawing_without_replacement(n: int, right: int) -> None:
    for k in range(1, n + 1):
        assert pass_at_k(n, right, k) == pytest.approx(1 - hypergeom.pmf(0, n, right, k))


def test_pass_at_k_by_hand() -> None:
    # Of the six pairs of four answers, two of which are right, one has none that is.
    assert pass_at_k(4, 2, 2) == pytest.approx(5 / 6)
    assert pass_at_k(4, 2, 1) == 0.5
    assert pass_at_k(4, 2, 3) == 1.0


def test_maj_at_k_by_hand() -> None:
    assert maj_at_k(["a", "a", "b"], "a", 3) == 1.0
    assert maj_at_k(["a", "b", "b"], "a", 3) == 0.0
    # ab, ab and bb: two ties of two.
    assert maj_at_k(["a", "b", "b"], "a", 2) == pytest.approx(1 / 3)
    assert maj_at_k(["a", None, None], "a", 3) == 1.0
    assert maj_at_k([None, None], "a", 2) == 0.0
    assert maj_at_k(["b", "c", "a"], "a", 3) == pytest.approx(1 / 3)


def test_maj_at_k_is_the_mean_over_all_subsets() -> None:
    draw = Random(0)
    for _ in range(60):
        votes = [draw.choice([None, "a", "b", "c", "d"]) for _ in range(draw.randint(1, 7))]
        for k in range(1, len(votes) + 1):
            assert isclose(maj_at_k(votes, "a", k), by_subsets(votes, "a", k), abs_tol=1e-12), (votes, k)


def by_subsets(votes: list[str | None], right: str, k: int) -> float:
    won = []
    for subset in combinations(votes, k):
        counts = Counter(vote for vote in subset if vote is not None)
        winners = [vote for vote, count in counts.items() if count == max(counts.values())]
        won.append(1 / len(winners) if right in winners else 0.0)
    return sum(won) / len(won)


def test_one_draw_is_a_majority_of_its_own() -> None:
    votes = ["a", "b", "a", None, "c"]
    assert maj_at_k(votes, "a", 1) == pass_at_k(5, 2, 1) == pytest.approx(0.4)


def test_sizes_are_powers_of_two_and_the_whole() -> None:
    assert (sizes(1), sizes(4), sizes(6), sizes(16)) == ([1], [1, 2, 4], [1, 2, 4, 6], [1, 2, 4, 8, 16])
