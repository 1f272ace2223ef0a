import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward import Anchors
from reward.alignment import anchored, paper, tail_fraction
from reward.diversity import lexical

logprobs = st.floats(min_value=-20, max_value=0)
texts = st.lists(st.text(alphabet="ab \n#4", max_size=40), min_size=1, max_size=8)


def test_anchored_is_the_place_between_the_anchors() -> None:
    anchors = Anchors(expert=-2.0, own=-1.0)
    placed = [anchored(value, anchors) for value in (-3.0, -2.0, -1.25, -1.0, -0.1)]
    assert placed == pytest.approx([0, 0, 0.75, 1, 1])


def test_anchored_uses_its_floor_where_the_anchors_meet_or_cross() -> None:
    for anchors in (Anchors(expert=-1.0, own=-1.0), Anchors(expert=-1.0, own=-3.0)):
        assert anchored(-0.975, anchors) == pytest.approx(0.5)


@given(logprobs, logprobs, logprobs, logprobs)
def test_anchored_is_bounded_and_monotone(expert: float, own: float, first: float, second: float) -> None:
    low, high = sorted((first, second))
    anchors = Anchors(expert=expert, own=own)
    assert 0 <= anchored(low, anchors) <= anchored(high, anchors) <= 1


def test_paper_is_the_sigmoid_of_the_population_z_score() -> None:
    assert paper([-1.3]) == [0.5]
    assert paper([-1.0, -1.0]) == [0.5, 0.5]
    assert paper([-2.0, -1.0]) == pytest.approx([1 / (1 + math.e), 1 / (1 + 1 / math.e)], rel=1e-5)


@given(st.lists(logprobs, min_size=1, max_size=8))
def test_paper_ranks_as_the_log_probs_do(values: list[float]) -> None:
    ranked = [score for _, score in sorted(zip(values, paper(values), strict=True))]
    assert ranked == sorted(ranked)
    assert all(0 < score < 1 for score in ranked)


def test_tail_fraction_counts_tokens_below_the_threshold() -> None:
    assert tail_fraction([math.log(p) for p in (0.9, 0.41, 0.39, 0.01)]) == 0.5


def test_lexical_by_hand() -> None:
    # 3-grams {abc, bcd} and {abc, bcx}: similarity 1/3, distance 2/3, over m = 2.
    assert lexical(["a b c d\n#### 1", "a b c x\n#### 2"]) == pytest.approx([1 / 3, 1 / 3])
    assert lexical(["a b c", "d e f", "a b c"]) == pytest.approx([1 / 3, 2 / 3, 1 / 3])


def test_lexical_does_not_pay_for_fewer_passing_texts() -> None:
    distinct = [f"{word} {word} {word}" for word in "abcdefgh"]
    by_size = [max(lexical(distinct[:size])) for size in range(1, 9)]
    assert by_size == pytest.approx([1 - 1 / size for size in range(1, 9)])


def test_lexical_ignores_the_answer_line() -> None:
    assert lexical(["a b c d\n#### 1", "a b c d\nThe answer is 7."]) == [0, 0]


@given(texts, st.randoms())
def test_lexical_is_bounded_and_order_free(group: list[str], random) -> None:
    values = lexical(group)
    assert all(0 <= value < 1 for value in values)
    order = list(range(len(group)))
    random.shuffle(order)
    assert lexical([group[i] for i in order]) == pytest.approx([values[i] for i in order])
