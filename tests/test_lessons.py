"""The study's own reader of rewrites, which shares no code with the reward's."""

import json
from pathlib import Path
from random import Random

import pytest

from benchmarks.lessons import by_steps, claims, lesson, unread
from rewriter_agent.data.lab_world.problems import draw_story
from rewriter_agent.data.lab_world.story import Difficulty
from rewriter_agent.data.lab_world.styles import NATURAL, solution

DATA = Path(__file__).parents[1] / "benchmarks" / "data"
EXPERT = "10 * 3 = 30; 30 zorb = 63; 63 - 3 = 60\n#### 60"


@pytest.mark.parametrize("name", ["lessons-train.jsonl", "lessons-test.jsonl"])
def test_the_experts_steps_are_read_and_true(name: str) -> None:
    for line in (DATA / name).read_text().splitlines():
        text = json.loads(line)["solution"]
        found = list(claims(text))
        assert len(found) == len(text.split("; "))
        assert all(claim.true for claim in found), text
        assert not unread(text)
        assert lesson(text, text) == "named"


def test_the_natural_style_is_read_and_true() -> None:
    draw = Random(0)
    for seed in range(200):
        text = solution(NATURAL, draw_story(draw, Difficulty()), Random(seed))
        found = list(claims(text))
        assert found
        assert all(claim.true for claim in found), text
        assert not unread(text)


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


@pytest.mark.parametrize("text", ["1 -  = 5", "= 5", "30 zorb 3 = 33", "3 + - 4 = 7"])
def test_an_equals_sign_without_two_sides_is_unread(text: str) -> None:
    assert unread(text)
    assert not list(claims(text))


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("First 10 * 3 = 30. Then 30 zorb = 63. So 63 - 3 = 60.", "named"),
        ("First 10 * 3 = 30. Then 30 + 33 = 63. So 63 - 3 = 60.", "derived"),
        ("10 times 3 is 30. 33 more than 30 makes 63. So 63 - 3 = 60.", "derived"),
        ("First 10 * 3 = 30. So 63 - 3 = 60.", "skipped"),
    ],
)
def test_the_way_over_the_new_step(text: str, way: str) -> None:
    assert lesson(f"{text}\n#### 60", EXPERT) == way


def test_acceptance_is_told_for_each_eight_steps_of_training(tmp_path: Path) -> None:
    assert by_steps(tmp_path) == ""
    rows = [
        {"step": step, "reward_terms/gate_mean": (step > 8) / 4, "frac_reward_zero_std": 0.5}
        for step in range(1, 11)
    ]
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert (
        by_steps(tmp_path) == "    accepted by steps: 1-8: 0.0, 9-10: 25.0; groups with equal rewards: 50.0"
    )
