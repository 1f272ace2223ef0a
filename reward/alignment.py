"""Alignment: how natural the backbone finds a text, from its log-probs given the question alone."""

import math
from collections.abc import Sequence
from statistics import fmean, pstdev

from .types import Anchors

ANCHOR_FLOOR = 0.05
"""Smallest distance between the anchors, in nats per token.

If expert and backbone are closer than that, or the expert is the more likely, dividing by their distance gives noise.
"""

TAIL_PROBABILITY = 0.4
"""Probability below which a token counts as in the tail."""

TAIL_SHARE = 0.1
"""Share of the tokens that make `tail`."""

FEWEST_TAIL = 3
"""Fewest tokens that make `tail`: one token alone is mostly chance."""

_EPSILON = 1e-6


def anchored(mean_logprob: float, anchors: Anchors) -> float:
    """clip((l - l(y*)) / max(l_self - l(y*), floor), 0, 1).

    The value is 0 at the expert text and below, and 1 at the backbone's own samples and above. Arguments are in nats
    per token. A candidate's value does not depend on the rest of its group.
    """
    distance = max(anchors.own - anchors.expert, ANCHOR_FLOOR)
    return min(max((mean_logprob - anchors.expert) / distance, 0.0), 1.0)


def typicality_gap(logprobs: Sequence[float], entropies: Sequence[float]) -> float:
    """phi = mean over tokens of (log p_t + H_t), in nats per token; one value per token, at least one.

    This is the centred log-likelihood of "Towards On-Policy SFT" (arXiv 2602.12222). Its expectation over the
    backbone's own samples is 0. Below 0 a text is more surprising than the backbone expects its own samples to be;
    above 0 it is blander.
    """
    return fmean(logprob + entropy for logprob, entropy in zip(logprobs, entropies, strict=True))


def typicality(gap: float, tau: float) -> float:
    """exp(-|phi| / tau), in (0, 1]: 1 for a text as surprising as the backbone's own; nats per token."""
    return math.exp(-abs(gap) / tau)


def paper(mean_logprobs: Sequence[float]) -> list[float]:
    """sigmoid((l_i - mean) / (std + 1e-6)) over the passing set, population std; 0.5 for a single one.

    This is r_dist of "Patch the Distribution Mismatch" (arXiv 2602.11220), with l = -NLL. It ranks within the group
    and never saturates; `anchored` does.
    """
    mean = fmean(mean_logprobs)
    spread = pstdev(mean_logprobs, mean) + _EPSILON
    return [1 / (1 + math.exp(-(value - mean) / spread)) for value in mean_logprobs]


def tail_fraction(logprobs: Sequence[float]) -> float:
    """Share of tokens with probability below 0.4; `logprobs` in nats, one per token, at least one."""
    return sum(logprob < math.log(TAIL_PROBABILITY) for logprob in logprobs) / len(logprobs)


def tail(logprobs: Sequence[float], exempt: Sequence[bool]) -> float | None:
    """Mean log-prob of the least likely tenth of the tokens that are not exempt, at least three of them, in nats.

    A mean over all tokens hides one alien span; this does not. It is the minimum of "Reinforcement Learning Teachers of
    Test Time Scaling" (arXiv 2506.08388, equation 4), made robust to a single token. None if all tokens are exempt.
    """
    counted = sorted(logprob for logprob, skip in zip(logprobs, exempt, strict=True) if not skip)
    size = max(FEWEST_TAIL, math.ceil(TAIL_SHARE * len(counted)))
    return fmean(counted[:size]) if counted else None


def tail_naturalness(tail_logprob: float, tau: float) -> float:
    """exp(t / tau), in (0, 1]: 1 if even the least likely tokens are certain; t is the `tail`, in nats."""
    return math.exp(tail_logprob / tau)
