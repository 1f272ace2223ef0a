import math

import pytest

from reward.rlt import rlt_reward, rlt_term


def test_the_reward_is_the_published_one_by_hand() -> None:
    # Differences ln 2, 0 and -ln 2 of the explanation's tokens.
    divergences = [2 - 1 - math.log(2), 0.0, 0.5 - 1 + math.log(2)]
    student, teacher = [-1.0, -2.0, -1.0 - math.log(2)], [-1.0 - math.log(2), -2.0, -1.0]
    strayed = sum(divergences) / 3 + 0.01 * max(divergences)
    explained = -2.0 + 0.01 * -3.0
    assert rlt_reward([-1.0, -3.0], student, teacher) == pytest.approx(explained - 3 * strayed)


def test_an_explanation_in_the_students_words_that_makes_the_solution_certain_is_the_best() -> None:
    best = rlt_reward([0.0, 0.0], [-0.5], [-0.5])
    assert best == 0.0
    assert rlt_term(best) == 1.0
    assert best > rlt_reward([0.0, -1.0], [-0.5], [-0.5])
    assert best > rlt_reward([0.0, 0.0], [-0.5], [-0.1])


def test_one_token_that_the_student_would_never_write_counts_beyond_the_mean() -> None:
    even = rlt_reward([-1.0], [-2.0] * 4, [-1.0] * 4)
    share = math.expm1(-1.0) + 1.0
    assert even == pytest.approx(-1.01 - 3 * share * 1.01)
    # The same mean in one token: found by Newton's method for exp(-d) - 1 + d = 4 share.
    d = 1.0
    for _ in range(50):
        d -= (math.exp(-d) - 1 + d - 4 * share) / (1 - math.exp(-d))
    uneven = rlt_reward([-1.0], [-1.0, -1.0, -1.0, -1.0 - d], [-1.0] * 4)
    assert uneven == pytest.approx(even - 3 * 0.01 * 3 * share)


def test_the_term_stays_positive_for_hopeless_explanations() -> None:
    assert 0.0 <= rlt_term(rlt_reward([-50.0], [-90.0], [-0.1])) < 1e-20
