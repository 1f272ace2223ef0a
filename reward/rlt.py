"""The reward of RLT: how well an explanation leads the student to the expert solution, in the student's own words."""

import math
from collections.abc import Sequence
from statistics import fmean

EXTREME_WEIGHT = 0.01
"""Weight of the extreme over tokens, with 1 for their mean."""
KL_WEIGHT = 3.0
"""Weight of the KL against the log-prob of the solution."""


def rlt_reward(solution: Sequence[float], student: Sequence[float], teacher: Sequence[float]) -> float:
    """Mean and minimum of the solution's log-probs, minus mean and maximum of the explanation's KL; nats per token.

    r = mean(s) + 0.01 min(s) - 3 (mean(k) + 0.01 max(k)), the reward of "Reinforcement Learning Teachers of Test Time
    Scaling" (arXiv 2506.08388, equation 4) with the coefficients of its published configuration.

    `solution` are the log-probs s of the expert solution's tokens under the student, given the question and the
    explanation. `student` and `teacher` are those of the explanation's tokens t, given the question alone and as they
    were sampled. k_t is estimated from the one sampled token as exp(d) - 1 - d, with d = student - teacher: it is
    unbiased and never negative (http://joschu.net/blog/kl-approx.html).
    """
    differences = [own - sampled for own, sampled in zip(student, teacher, strict=True)]
    divergences = [math.expm1(difference) - difference for difference in differences]
    explained = fmean(solution) + EXTREME_WEIGHT * min(solution)
    strayed = fmean(divergences) + EXTREME_WEIGHT * max(divergences)
    return explained - KL_WEIGHT * strayed


def rlt_term(reward: float) -> float:
    """exp(r), in (0, 1]: keeps the order of r, and each passing total above that of a rejected candidate."""
    return math.exp(reward)
