"""Premise of a study on lessons: there is something to learn, it costs something, and rewriting it is possible."""

from rewriter_agent.config.arms import EXPERT

from .hypotheses import hypotheses
from .lesson_hypotheses import lesson_hypotheses
from .prediction import Hypothesis, Standing, signed_points
from .results import StudyResult

MOST_KNOWN, LEAST_GAIN, LEAST_LOSS = 0.1, 0.4, 0.05
RIGHT = (0.1, 0.5)
"""Range of the share of prompted rewrites with the right answer."""
PROMPTED = ("best_of_k", "best_of_budget")
"""Sources whose candidates are by the untrained prompt."""


def predictions(result: StudyResult) -> list[Hypothesis]:
    """Decide the hypotheses as far as they have been measured; of lessons the premise first."""
    if result.teaches_lessons:
        return [*premise(result), *lesson_hypotheses(result)]
    return hypotheses(result)


def premise(result: StudyResult) -> list[Hypothesis]:
    """Decide the parts of the premise that have been measured."""
    return [_unknown(result), *_taught(result), *_rewritable(result)]


def _unknown(result: StudyResult) -> Hypothesis:
    base = result.base["task"]
    return Hypothesis(
        "P1",
        "the backbone solves less than 10 % of the task",
        "it solves more",
        f"{100 * base:.1f} %",
        _if(base < MOST_KNOWN),
        intervals=0,
    )


def _taught(result: StudyResult) -> list[Hypothesis]:
    """Plain SFT at the rate of its highest task score."""
    expert = next((arm for arm in result.arms if arm.arm == EXPERT), None)
    if expert is None:
        return []
    gain, loss = (expert.at(expert.best).metrics[key] for key in ("gain", "forgetting"))
    certain: Standing = "held" if loss.has_interval and loss.low > 0 else "open"
    at = f"{expert.best:g}:"
    return [
        Hypothesis(
            "P2",
            "plain SFT at its best rate gains 40 points or more",
            "the mean is lower",
            f"{at} {signed_points(gain)}",
            _if(gain.value >= LEAST_GAIN),
            intervals=0,
        ),
        Hypothesis(
            "P3",
            "and loses 5 points of retention or more",
            "the mean is lower",
            f"{at} {signed_points(loss)}",
            certain if loss.value >= LEAST_LOSS else "refuted",
        ),
    ]


def _rewritable(result: StudyResult) -> list[Hypothesis]:
    arms = {arm.source_name: arm.source for arm in result.arms if arm.source}
    source = next((arms[name] for name in PROMPTED if name in arms), None)
    if source is None:
        return []
    right, accepted = (source[key].value for key in ("right", "accepted"))
    return [
        Hypothesis(
            "P4",
            "of the rewrites by prompt 10 to 50 % have the right answer",
            "fewer or more have it",
            f"{100 * right:.1f} %; {100 * accepted:.1f} % also pass the gate",
            _if(RIGHT[0] <= right <= RIGHT[1]),
            intervals=0,
        )
    ]


def _if(true: bool) -> Standing:
    return "held" if true else "refuted"
