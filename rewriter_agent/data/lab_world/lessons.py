"""Lessons: stories with invented steps, which only the expert's solutions explain."""

import re
from random import Random
from typing import Literal, get_args

from .drawing import draw_story
from .operations import OPERATIONS
from .reader import BEGIN, END, claims, without_bullets
from .splits import PATIENCE, Part, distinct, place_of
from .story import Difficulty, Step, Story

KEPT_BACK = 20
"""Percent of the pairs of operation and number that no training problem shows."""
Way = Literal["named", "hidden", "false"]
"""How a text gets over an invented step: it names the operation with its right result, hides it in true ordinary
calculations from the value before to the value after, or does neither."""
WAYS: tuple[Way, ...] = get_args(Way)


def lessons(part: Part, count: int, seed: int, difficulty: Difficulty, operations: int = 1) -> list[Story]:
    """`count` different lessons of a part, with `operations` different invented steps in each, all equally frequent.

    A pair of operation and number is either in test problems or in the others.
    Raises ValueError when the difficulty leaves fewer.
    """

    def make(draw: Random) -> Story:
        taught = dict(draw.sample(list(OPERATIONS.items()), operations))
        for _ in range(PATIENCE):
            story = draw_story(draw, difficulty, invented=taught)
            fits = all(1 <= step.after <= difficulty.largest for step in story.invented)
            if fits and all(is_kept_back(step) == (part == "test") for step in story.invented):
                return story
        raise ValueError(
            f"no lesson on {' and '.join(taught)} of the part {part!r} in {PATIENCE} draws; widen the ranges of its "
            "numbers"
        )

    return distinct(part, count, f"lessons/{operations}/{part}/{seed}", make)


def is_kept_back(step: Step) -> bool:
    """Tell whether no training problem applies the step's operation to its number."""
    return place_of(f"{step.op} of {step.before}") < KEPT_BACK


def way_over(text: str, steps: list[Step]) -> Way:
    """Tell how a text gets over invented steps: the worst way of any."""
    return max((_way(text, step) for step in steps), key=WAYS.index)


def _way(text: str, step: Step) -> Way:
    # As the styles write it; the machine has the number before in another line.
    forms = (
        step.formula,
        f"{step.after} ⇐ {step.before} {step.op}",
        f"{step.op.upper()} {str(step.after)[::-1]}",
    )
    if any(re.search(f"{BEGIN}{re.escape(form)}{END}", without_bullets(text)) for form in forms):
        return "named"
    reached = {step.before}
    for claim in claims(text):
        if claim.true and not reached.isdisjoint(claim.operands):
            reached.add(claim.result)
            if claim.result == step.after:
                return "hidden"
    return "false"
