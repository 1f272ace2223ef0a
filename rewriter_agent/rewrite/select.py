"""Selects which of a problem's candidates become its targets."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from reward import Candidate, Score
from reward.diversity import lexical_distances
from rewriter_agent.config.strategies import SelectionRule

RANKED: dict[SelectionRule, Callable[[Any], float]] = {
    "total": lambda score: score.total,
    "alignment": lambda score: score.alignment,
    "logprob": lambda score: score.mean_logprob,
    "typicality": lambda score: -abs(score.typicality_gap),
}
"""Rules that take the highest of one value; of equal ones, the first."""


def select(
    rule: SelectionRule, candidates: Sequence[Candidate], scores: Sequence[Score], count: int, draw: Random
) -> list[int]:
    """Positions of at most `count` candidates that pass the gate, best first; one of equal texts."""
    texts = [candidate.text for candidate in candidates]
    firsts: dict[str, int] = {}
    for i in range(len(texts)):
        if scores[i].gate:
            firsts.setdefault(texts[i], i)
    passing = list(firsts.values())
    match rule:
        case "first":
            chosen = passing
        case "uniform":
            chosen = draw.sample(passing, len(passing))
        case "diverse":
            chosen = _spread([texts[i] for i in passing], [scores[i].total for i in passing], count)
            chosen = [passing[i] for i in chosen]
        case _:
            chosen = sorted(passing, key=lambda i: -RANKED[rule](scores[i]))
    return chosen[:count]


def _spread(texts: Sequence[str], totals: Sequence[float], count: int) -> list[int]:
    """Farthest-point sampling: the highest total, then always the text whose nearest chosen one is furthest."""
    if not texts:
        return []
    distances = lexical_distances(texts)
    chosen = [max(range(len(texts)), key=lambda i: totals[i])]
    while len(chosen) < min(count, len(texts)):
        rest = [i for i in range(len(texts)) if i not in chosen]
        chosen.append(max(rest, key=lambda i: min(distances[i][j] for j in chosen)))
    return chosen
