"""Word problems, their styles and the splits."""

import re
from pathlib import Path
from random import Random

import pytest

from reward import extract_answer
from reward.gate import overlap_share
from reward.leak import find_leak
from reward.steps import check_steps
from reward.words import repetition, words
from rewriter_agent.config.data import LabData
from rewriter_agent.data.lab_world.drawing import draw_story, stories
from rewriter_agent.data.lab_world.problems import generate_problems
from rewriter_agent.data.lab_world.splits import SHARES, distinct_from, draw_from, part_of
from rewriter_agent.data.lab_world.story import APPLY, Difficulty, Story, operands, recomputed
from rewriter_agent.data.lab_world.styles import EXPERT_STYLES, NATURAL, STYLES, solution, style_of
from rewriter_agent.data.lab_world.version import WORLD_VERSION, world_hash
from rewriter_agent.data.problem import Problem
from rewriter_agent.lab.rewriting import OUTCOMES, imperfect_rewrite

PINNED = {"1": "823da4abceae25e9"}
"""A change of the world raises its version and adds an entry here."""
DIFFICULTY = Difficulty(steps=(1, 5))
ROOT = Path(__file__).parents[4]


def some_stories(count: int, seed: int = 0) -> list[Story]:
    draw = Random(seed)
    return [draw_story(draw, DIFFICULTY) for _ in range(count)]


def test_world_is_the_frozen_one_and_documented() -> None:
    assert world_hash() == PINNED[WORLD_VERSION]
    page = (ROOT / "docs" / "lab.md").read_text()
    assert f"| {WORLD_VERSION} | `{world_hash()}` |" in page


def test_the_reward_reads_every_calculation_of_the_natural_style() -> None:
    for seed, story in enumerate(some_stories(300)):
        true = solution(NATURAL, story, Random(seed))
        false = solution(NATURAL, recomputed(story, seed % len(story.steps), 1), Random(seed))
        assert not check_steps(true, story.question).false, true
        # A solution that adds gains and losses up first takes its sums from the operands, so they stay true.
        if not {"*", "/"}.isdisjoint(step.op for step in story.steps):
            assert check_steps(false, story.question).false, false


def test_question_holds_the_numbers_in_order_and_the_answer_follows_from_them() -> None:
    for story in some_stories(500):
        start, *changes = re.findall(r"[-+*/]?\d+", story.key.partition(":")[2])
        assert re.findall(r"\d+", story.question) == [start, *(change[1:] for change in changes)]
        value = int(start)
        for change in changes:
            exact = {"+": value + int(change[1:]), "-": value - int(change[1:]), "*": value * int(change[1:])}
            value = exact[change[0]] if change[0] != "/" else value / int(change[1:])
        assert value == story.answer


def test_every_number_stays_whole_and_in_range() -> None:
    for story in some_stories(500):
        for step in story.steps:
            assert APPLY[step.op](step.before, step.operand) == step.after
            assert 1 <= step.after <= DIFFICULTY.largest
            assert step.op != "/" or step.before % step.operand == 0
        assert [s.before for s in story.steps] == [story.start, *(s.after for s in story.steps[:-1])]


def test_operands_at_the_edges() -> None:
    assert not operands("+", 99, 99)
    assert not operands("-", 1, 99)
    assert not operands("*", 50, 99)
    assert not operands("/", 7, 99)
    assert list(operands("/", 6, 99)) == [2, 3]


@pytest.mark.parametrize(
    "knobs", [{"steps": (0, 2)}, {"steps": (3, 2)}, {"largest": 5, "start": (3, 5)}, {"start": (9, 3)}]
)
def test_impossible_difficulty(knobs: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="give"):
        Difficulty(**knobs)  # ty: ignore[invalid-argument-type]


def test_steps_are_about_equally_frequent() -> None:
    made = stories("train", 800, 0, Difficulty())
    for steps in (4, 5, 6):
        assert 220 < sum(len(story.steps) == steps for story in made) < 315


def test_every_style_states_the_answer_and_is_recognised_as_no_other() -> None:
    for index, story in enumerate(some_stories(500)):
        for style in STYLES:
            text = solution(style, story, Random(index))
            assert extract_answer(text, "####") == str(story.answer)
            assert style_of(text) == style


def test_mixed_or_empty_texts_have_no_style() -> None:
    story = some_stories(1)[0]
    terse, natural = (STYLES[name].write(story, Random(0)) for name in ("terse", NATURAL))
    assert style_of(f"{natural}\n{terse}\n#### 1") is None
    assert style_of("#### 1") is None
    assert style_of(f"{natural}\n#### 1\n{terse}") is None
    assert style_of(f"{natural}\n#### one") is None
    assert style_of(natural) is None
    assert style_of("") is None


def test_natural_style_varies() -> None:
    story = some_stories(1)[0]
    texts = {solution(NATURAL, story, Random(seed)) for seed in range(200)}
    assert len(texts) > 150
    assert len({text.split()[0] for text in texts}) > 5


def test_natural_formulas_are_true() -> None:
    for index, story in enumerate(some_stories(300)):
        text = solution(NATURAL, story, Random(index))
        for left, right in re.findall(r"((?:\d+ [-+*/] )+\d+) = (\d+)", text):
            value, *rest = left.split()
            total = int(value)
            for op, operand in zip(rest[::2], rest[1::2], strict=True):
                total = APPLY[op](total, int(operand))
            assert total == int(right)


def test_experts_are_ordered_by_alienness() -> None:
    assert len(EXPERT_STYLES) >= 3
    assert NATURAL not in EXPERT_STYLES
    assert len({STYLES[name].alienness for name in STYLES}) == len(STYLES)


def test_train_and_test_share_no_numbers_and_no_question() -> None:
    train, test = (stories(part, 600, 3, Difficulty()) for part in ("train", "test"))
    assert {part_of(story.key) for story in train} == {"train"}
    assert {part_of(story.key) for story in test} == {"test"}
    problems = generate_problems(LabData(num_train=600, num_test=600, seed=3))
    ids = [problem.id for problem in problems.train + problems.test]
    assert len(set(ids)) == 1200


def test_same_seed_same_problems_and_more_begin_with_the_fewer() -> None:
    def train(count: int, seed: int) -> list[Problem]:
        return generate_problems(LabData(num_train=count, num_test=5, seed=seed, style="terse")).train

    assert train(20, 7) == train(20, 7)
    assert train(40, 7)[:20] == train(20, 7)
    assert train(20, 8) != train(20, 7)


def test_shares_of_the_parts() -> None:
    assert sum(share for _, share in SHARES) == 100
    parts = [part_of(f"key {number}") for number in range(5000)]
    for part, share in SHARES:
        assert abs(parts.count(part) / 50 - share) < 2


def test_exhausted_generator_says_so() -> None:
    story = next(story for story in some_stories(50) if part_of(story.key) == "test")
    with pytest.raises(ValueError, match="widen its ranges"):
        draw_from("train", Random(0), lambda _: story)
    with pytest.raises(ValueError, match="seem to be only 1"):
        distinct_from("test", 2, "", lambda _: story)


def test_rewrites_fail_as_often_as_they_should() -> None:
    draw = Random(0)
    seen = dict.fromkeys(OUTCOMES, 0)
    by_chance = 0
    for story in some_stories(2000):
        expert = solution("machine", story, draw)
        text, outcome = imperfect_rewrite(story, expert, draw)
        seen[outcome] += 1
        assert style_of(text) == ("machine" if outcome == "copied" else NATURAL)
        right = extract_answer(text, "####") == str(story.answer)
        if outcome in ("faithful", "copied"):
            assert right
        else:
            by_chance += right
    # A later division may hide a small error.
    assert by_chance < 0.05 * (seen["miscalculated"] + seen["cut_short"])
    for outcome, share in OUTCOMES.items():
        assert abs(seen[outcome] / 2000 - share) < 0.04


def test_wrong_step_is_carried_on() -> None:
    story = next(story for story in some_stories(50) if [s.op for s in story.steps] == ["+", "-"])
    wrong = recomputed(story, 0, 3)
    assert [step.after - right.after for step, right in zip(wrong.steps, story.steps, strict=True)] == [3, 3]


def test_natural_solutions_pass_the_rules_on_text() -> None:
    for index, story in enumerate(stories("train", 200, 0, Difficulty())):
        text = solution(NATURAL, story, Random(index))
        assert find_leak(text, story.question, ["en"]) is None
        assert repetition(words(text)) < 0.4
        for expert in EXPERT_STYLES:
            assert overlap_share(words(text), words(solution(expert, story, Random(0))), 8) < 0.8
