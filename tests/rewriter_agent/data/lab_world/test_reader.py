"""The world's reader of calculations."""

from random import Random

import pytest

from rewriter_agent.data.lab_world.drawing import draw_story
from rewriter_agent.data.lab_world.lessons import lessons
from rewriter_agent.data.lab_world.reader import claims, unread
from rewriter_agent.data.lab_world.story import LESSON_STEPS, Difficulty
from rewriter_agent.data.lab_world.styles import NATURAL, solution


def test_the_natural_style_is_read_and_true() -> None:
    draw = Random(0)
    ordinary = [draw_story(draw, Difficulty()) for _ in range(200)]
    for seed, story in enumerate(ordinary + lessons("train", 200, 0, Difficulty(LESSON_STEPS))):
        text = solution(NATURAL, story, Random(seed))
        found = claims(text)
        assert found
        assert all(claim.true for claim in found), text
        assert not unread(text)


def test_claims_are_in_the_order_of_the_text() -> None:
    text = "Taking 2 from 12 leaves 10. 10 zorb = 23. Then 23 + 1 = 24."
    assert [(claim.operands, claim.result) for claim in claims(text)] == [
        ((2, 12), 10),
        ((10,), 23),
        ((23, 1), 24),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "30 + 3 = 34",
        "Then 2 + 3 * 4 = 20.",
        "1 + 2 = 3 = 4",
        "30 zorb = 60",
        "taking 77 from 134 leaves 67",
        "Next 3 over 3 is 11.",
        "3 over 0 is 3",
        "4 / 0 = 0",
        "- One of 3 parts of 21 makes 8.",
    ],
)
def test_a_false_step_is_found(text: str) -> None:
    assert [claim.true for claim in claims(text)] == [False]


@pytest.mark.parametrize("text", ["1 -  = 5", "= 5", "30 zorb 3 = 33", "3 + - 4 = 7", "3 + 30 zorb = 63"])
def test_an_equals_sign_without_two_sides_is_unread(text: str) -> None:
    assert unread(text)
    assert not claims(text)
