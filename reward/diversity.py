"""Diversity: how different a text is from the other passing texts of its group."""

import re
from collections.abc import Sequence

from reward.extract import strip_answer_line

_SHINGLE_WORDS = 3


def lexical(texts: Sequence[str]) -> list[float]:
    """d_i = (1/m) * sum over j != i of (1 - J(i, j)), for m texts; J is the Jaccard similarity of the sets
    of word 3-grams, final answer lines left out.

    That is the leave-one-out mean distance times (m - 1)/m. The factor makes it continuous in the size of
    the group: 0 for one text, at most 1/2 for two, at most 1 - 1/m for m, so that a group in which fewer
    candidates pass earns no bonus for it. In [0, 1), independent of order; texts that share a form share
    a value.
    """
    shingles = [_shingles(text) for text in texts]
    count = len(texts)
    return [
        sum(1 - _jaccard(own, other) for j, other in enumerate(shingles) if j != i) / count
        for i, own in enumerate(shingles)
    ]


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    words = re.findall(r"\w+", strip_answer_line(text).casefold())
    starts = range(max(1, len(words) - _SHINGLE_WORDS + 1))
    return frozenset(tuple(words[start : start + _SHINGLE_WORDS]) for start in starts)


def _jaccard(left: frozenset[tuple[str, ...]], right: frozenset[tuple[str, ...]]) -> float:
    return len(left & right) / len(left | right)
