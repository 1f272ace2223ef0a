"""What several sampled answers to a problem say: pass@k and maj@k, unbiased for any k up to their number."""

from collections.abc import Hashable, Sequence
from math import comb


def pass_at_k(n: int, right: int, k: int) -> float:
    """Probability that k of n answers, drawn without replacement, have a right one among them.

    1 - C(n - right, k) / C(n, k), the estimator of Chen et al. 2021 (arXiv 2107.03374).
    """
    assert 1 <= k <= n
    return 1 - comb(n - right, k) / comb(n, k)


def maj_at_k(votes: Sequence[Hashable | None], right: Hashable, k: int) -> float:
    """Probability that the commonest answer among k of the votes, drawn without replacement, is `right`.

    Equal answers are equal votes, and None abstains. A tie is broken at random, and `right` gets its share of it.
    Exact: the mean over all C(n, k) subsets, counted by how many of each answer they hold.
    """
    assert 1 <= k <= len(votes)
    counts = {vote: votes.count(vote) for vote in set(votes) - {None}}
    mine = counts.pop(right, 0)
    won = 0.0
    for held in range(1, min(mine, k) + 1):
        # Ways to fill the other places, by their number and by how many answers tie with `right`.
        ways = {(0, 0): 1}
        for count in counts.values():
            ways = _with_answer(ways, count, held, k - held)
        abstaining = votes.count(None)
        for (places, ties), number in ways.items():
            number *= comb(abstaining, k - held - places)
            won += comb(mine, held) * number / (1 + ties)
    return won / comb(len(votes), k)


def _with_answer(
    ways: dict[tuple[int, int], int], count: int, most: int, room: int
) -> dict[tuple[int, int], int]:
    """Each way extended by up to `most` of the `count` votes for one more answer."""
    extended: dict[tuple[int, int], int] = {}
    for (places, ties), number in ways.items():
        for held in range(min(count, most, room - places) + 1):
            key = places + held, ties + (held == most)
            extended[key] = extended.get(key, 0) + number * comb(count, held)
    return extended


def sizes(n: int) -> list[int]:
    """The k that are reported of n answers: powers of two, and n itself."""
    return sorted({2**power for power in range(n.bit_length()) if 2**power <= n} | {n})
