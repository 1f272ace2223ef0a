"""Lessons: their rules, splits and styles, and the ways of a text over a new step."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from reward import extract_answer
from rewriter_agent.config.data import LabData
from rewriter_agent.data.lab_world.lessons import KEPT_BACK, lessons, way_over
from rewriter_agent.data.lab_world.operations import OPERATIONS
from rewriter_agent.data.lab_world.problems import composed_lessons, generate_problems, invented_steps
from rewriter_agent.data.lab_world.story import LESSON_STEPS, Difficulty, Step, Story, recomputed
from rewriter_agent.data.lab_world.styles import EXPERT_STYLES, NATURAL, STYLES, solution, style_of
from rewriter_agent.data.lab_world.version import LESSONS_VERSION, lessons_hash, world

PINNED = {"lessons-1": "598e084d73193d8d"}
"""A change of the lessons raises their version and adds an entry here."""
DIFFICULTY = Difficulty(LESSON_STEPS)
ROOT = Path(__file__).parents[4]
ZORB = Step("zorb", 0, 30, 63, "", "")


def some_lessons(count: int = 300) -> list[Story]:
    return lessons("train", count, 0, DIFFICULTY)


def test_lessons_are_the_frozen_ones_and_documented() -> None:
    assert lessons_hash() == PINNED[LESSONS_VERSION]
    assert world("lessons") == f"{LESSONS_VERSION} {lessons_hash()}"
    page = (ROOT / "docs" / "lab.md").read_text()
    assert f"| {LESSONS_VERSION} | `{lessons_hash()}` |" in page


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("zorb", [(1, 5), (40, 83)]),
        ("plim", [(1, 18), (182, 199)]),
        ("quat", [(1, 3), (66, 198)]),
        ("dreb", [(1, 10), (9, 18), (10, 1), (199, 190)]),
        ("funk", [(1, 2), (2, 1), (7, 8), (198, 99)]),
        ("glim", [(1, 99), (99, 1), (100, 50), (199, 149)]),
    ],
)
def test_rules(name: str, pairs: list[tuple[int, int]]) -> None:
    assert [(before, OPERATIONS[name](before)) for before, _ in pairs] == pairs


def test_a_lesson_has_its_steps_and_stays_in_range() -> None:
    places = Counter[float]()
    for story in some_lessons():
        (new,) = story.invented
        assert new.after == OPERATIONS[new.op](new.before)
        assert 1 <= len(story.steps) - 1 <= 3
        assert all(1 <= step.after <= DIFFICULTY.largest for step in story.steps)
        assert [s.before for s in story.steps] == [story.start, *(s.after for s in story.steps[:-1])]
        assert f"Then comes a {new.op}." in story.question
        places[story.steps.index(new) / (len(story.steps) - 1)] += 1
    assert min(places[0], places[1]) > 60


def test_operations_are_about_equally_frequent() -> None:
    for part in ("train", "test"):
        found = Counter(story.invented[0].op for story in lessons(part, 600, 0, DIFFICULTY))
        assert found.keys() == OPERATIONS.keys()
        assert all(70 < count < 130 for count in found.values())


def test_test_problems_apply_operations_to_other_numbers() -> None:
    train, test = (
        {(step.op, step.before) for story in lessons(part, 2000, 0, DIFFICULTY) for step in story.invented}
        for part in ("train", "test")
    )
    assert not train & test
    assert abs(len(test) / len(train | test) - KEPT_BACK / 100) < 0.05


def test_composed_lessons_have_two_operations_on_other_numbers() -> None:
    taught = {(s.op, s.before) for story in lessons("train", 2000, 0, DIFFICULTY) for s in story.invented}
    for story in lessons("test", 60, 0, DIFFICULTY, operations=2):
        first, second = story.invented
        assert first.op != second.op
        assert not taught & {(first.op, first.before), (second.op, second.before)}
    problems = composed_lessons(20, seed=0)
    assert len({problem.id for problem in problems}) == 20
    assert all(" and " in str(problem.template) for problem in problems)


def test_problems_are_as_the_config_says() -> None:
    for style in EXPERT_STYLES:
        config = LabData(task="lessons", num_train=30, num_test=20, seed=1, style=style)
        assert config.steps == LESSON_STEPS
        problems = generate_problems(config)
        for problem in problems.train + problems.test:
            assert style_of(problem.solution) == style
            assert problem.solution.endswith(f"#### {problem.answer}")
            assert problem.template in OPERATIONS
        assert generate_problems(config) == problems
        steps = invented_steps(config)
        assert [steps[problem.id][0].op for problem in problems.train] == [p.template for p in problems.train]
    longer = LabData(task="lessons", steps=(4, 5), num_train=10, num_test=1)
    assert all(p.question.count(".") >= 6 for p in generate_problems(longer).train)


def test_too_narrow_numbers_leave_no_lesson() -> None:
    with pytest.raises(ValueError, match=r"no lesson on \w+ of the part 'train' in 5000 draws; widen"):
        generate_problems(
            LabData(task="lessons", steps=(1, 1), largest=4, start=(2, 3), num_train=1, num_test=9)
        )


def test_every_style_tells_a_lesson_and_is_recognised_as_no_other() -> None:
    for index, story in enumerate(some_lessons() + lessons("train", 100, 0, DIFFICULTY, operations=2)):
        for style in STYLES:
            text = solution(style, story, Random(index))
            assert extract_answer(text, "####") == str(story.answer)
            assert style_of(text) == style
            assert way_over(text, story.invented) == "named"


def test_a_wrong_new_step_does_not_tell_the_lesson() -> None:
    for index, story in enumerate(some_lessons(100)):
        wrong = recomputed(story, story.steps.index(story.invented[0]), 1)
        for style in STYLES:
            assert way_over(solution(style, wrong, Random(index)), story.invented) == "false"


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("First 10 * 3 = 30. Then 30 zorb = 63. So 63 - 3 = 60.", "named"),
        ("- 30 zorb = 63.\n- 63 - 3 = 60.", "named"),
        ("First 10 * 3 = 31. Then 30 zorb = 63.", "named"),
        ("First 10 * 3 = 30. Then 30 + 33 = 63. So 63 - 3 = 60.", "hidden"),
        ("10 times 3 is 30. 33 more than 30 makes 63. So 63 - 3 = 60.", "hidden"),
        ("30 * 2 = 60. Then 60 + 3 = 63. So 63 - 3 = 60.", "hidden"),
        ("30 zorb = 60. Then 30 + 33 = 63.", "hidden"),
        ("First 10 * 3 = 30. So 63 - 3 = 60.", "false"),
        ("First 10 * 3 = 30. Then 30 + 30 = 63. So 63 - 3 = 60.", "false"),
        ("20 * 3 = 60. Then 60 + 3 = 63.", "false"),
        ("30 zorb = 633. Then 63 - 3 = 60.", "false"),
        ("130 zorb = 63", "false"),
        ("3 + 30 zorb = 63", "false"),
        ("30 zorb = 63 - 3", "false"),
        ("30 zorb 33 = 63", "false"),
        ("30 plim = 63", "false"),
        ("", "false"),
    ],
)
def test_the_way_over_the_new_step(text: str, way: str) -> None:
    assert way_over(f"{text}\n#### 60", [ZORB]) == way


def test_of_two_new_steps_the_worse_way_counts() -> None:
    steps = [ZORB, Step("plim", 0, 63, 80, "", "")]
    assert way_over("30 zorb = 63. 63 plim = 80.", steps) == "named"
    assert way_over("30 zorb = 63. 63 + 17 = 80.", steps) == "hidden"
    assert way_over("30 zorb = 63. 63 + 7 = 80.", steps) == "false"


def test_the_natural_style_knows_no_words_for_a_new_step() -> None:
    texts = [solution(NATURAL, some_lessons(1)[0], Random(seed)) for seed in range(200)]
    assert len(set(texts)) > 150
    new = some_lessons(1)[0].invented[0]
    assert all(new.formula in text for text in texts)
