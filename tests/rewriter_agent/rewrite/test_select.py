"""Selection of the candidates that become targets."""

from dataclasses import replace
from random import Random

import pytest

from reward import Score
from rewriter_agent.config.strategies import SelectionRule
from rewriter_agent.rewrite.select import select
from tests.helpers.groups import failed, make_sample, passed

ALIKE = ("She adds two and three and gets five", "She adds two and three and has five")
OTHER = "Five apples are what remains of it all"
SAMPLES = [make_sample(text) for text in (*ALIKE, OTHER, "left out")]
SCORES = [
    replace(passed(1.5, alignment=0.2), mean_logprob=-0.3, typicality_gap=0.5),
    replace(passed(1.4, alignment=0.9), mean_logprob=-0.4, typicality_gap=-0.1),
    replace(passed(1.3, alignment=0.6), mean_logprob=-0.2, typicality_gap=-0.9),
    failed("copy"),
]


def chosen(rule: SelectionRule, count: int, scores: list[Score] = SCORES) -> list[int]:
    return select(rule, SAMPLES, scores, count, Random(0))


@pytest.mark.parametrize(
    ("rule", "order"),
    [
        ("total", [0, 1, 2]),
        ("alignment", [1, 2, 0]),
        ("logprob", [2, 0, 1]),
        ("typicality", [1, 0, 2]),
        ("first", [0, 1, 2]),
        ("diverse", [0, 2, 1]),
    ],
)
def test_rules(rule: SelectionRule, order: list[int]) -> None:
    assert chosen(rule, 1) == order[:1]
    assert chosen(rule, 2) == order[:2]
    assert chosen(rule, 9) == order


def test_uniform_takes_any_that_passes_and_the_same_for_the_same_seed() -> None:
    firsts = {select("uniform", SAMPLES, SCORES, 1, Random(seed))[0] for seed in range(40)}
    assert firsts == {0, 1, 2}
    assert chosen("uniform", 2) == chosen("uniform", 2)


@pytest.mark.parametrize("rule", ["total", "first", "uniform", "diverse"])
def test_none_where_none_passes(rule: SelectionRule) -> None:
    assert chosen(rule, 2, [failed("copy")] * 4) == []


def test_of_equal_texts_the_first_stays_in_its_place() -> None:
    texts = [make_sample(text) for text in ("A", "B", "A", "C", "A")]
    assert select("first", texts, [passed(1.0)] * 5, 5, Random(0)) == [0, 1, 3]
