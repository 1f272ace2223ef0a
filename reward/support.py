"""Support: how much more likely the backbone finds the answer after a text's reasoning than without it."""

import math
from collections.abc import Sequence
from statistics import fmean


def support(after: Sequence[float], alone: Sequence[float]) -> float:
    """(1/n) sum_t [log p(a_t | q, r, m, a_<t) - log p(a_t | q, m, a_<t)], in nats per token of the answer.

    `after` and `alone` are the log-probs of the same n >= 1 answer tokens a under the backbone: given the question q,
    the reasoning r and the marker m that introduces the answer ("####"), and given q and m alone. The idea is that of
    RLT (arXiv 2506.08388), whose reward is the student's log-prob of the solution after the teacher's explanation.
    Subtracting the log-prob without reasoning removes answers that the backbone knows anyway. The value is 0 if the
    reasoning tells nothing about the answer, and negative if it points elsewhere.
    """
    return fmean(one - other for one, other in zip(after, alone, strict=True))


def support_term(value: float) -> float:
    """1 - exp(-max(value, 0)), in [0, 1); `value` in nats per token.

    It is 1 - p_alone/p_after, with p the geometric mean of the answer tokens' probabilities.
    """
    return -math.expm1(-max(value, 0.0))
