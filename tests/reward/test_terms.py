import math

import numpy as np
import pytest

from reward import diversity
from reward.alignment import (
    anchored,
    paper,
    tail,
    tail_fraction,
    tail_naturalness,
    typicality,
    typicality_gap,
)
from reward.diversity import embedding, lexical
from reward.support import support, support_term
from reward.types import Anchors
from reward.whiten import Whitening


def test_anchored_is_the_position_between_the_anchors() -> None:
    anchors = Anchors(expert=-2.0, own=-1.0)
    placed = [anchored(value, anchors) for value in (-3.0, -2.0, -1.25, -1.0, -0.1)]
    assert placed == pytest.approx([0, 0, 0.75, 1, 1])


def test_anchored_uses_its_floor_if_the_anchors_meet_or_cross() -> None:
    for anchors in (Anchors(expert=-1.0, own=-1.0), Anchors(expert=-1.0, own=-3.0)):
        assert anchored(-0.975, anchors) == pytest.approx(0.5)


def test_anchored_does_not_reward_text_blander_than_the_backbones_own() -> None:
    anchors = Anchors(expert=-2.0, own=-1.0)
    assert anchored(-0.01, anchors) == anchored(-1.0, anchors)


def test_typicality_by_hand() -> None:
    assert typicality_gap([-1.0, -3.0], [2.0, 1.0]) == pytest.approx(-0.5)
    assert typicality(-0.5, 0.5) == pytest.approx(1 / math.e)
    assert typicality(0.5, 0.5) == typicality(-0.5, 0.5)
    assert typicality(0.0, 0.1) == 1


def test_typicality_is_greatest_if_log_prob_and_entropy_cancel() -> None:
    # A token drawn from p is as surprising on average as the entropy of p.
    p = np.array([0.7, 0.2, 0.1])
    entropy = float(-(p * np.log(p)).sum())
    drawn = np.random.default_rng(0).choice(3, size=4000, p=p)
    own = typicality_gap(np.log(p)[drawn].tolist(), [entropy] * 4000)
    blandest = typicality_gap([math.log(0.7)] * 4000, [entropy] * 4000)
    assert abs(own) < 0.05 < blandest


def test_paper_alignment_is_the_sigmoid_of_the_population_z_score() -> None:
    assert paper([-1.3]) == [0.5]
    assert paper([-1.0, -1.0]) == [0.5, 0.5]
    assert paper([-2.0, -1.0]) == pytest.approx([1 / (1 + math.e), 1 / (1 + 1 / math.e)], rel=1e-5)


def test_tail_fraction_counts_tokens_below_the_threshold() -> None:
    assert tail_fraction([math.log(p) for p in (0.9, 0.41, 0.39, 0.01)]) == 0.5


def test_tail_is_the_mean_of_the_least_likely_tenth_and_of_three_tokens_at_least() -> None:
    likely = [-0.1] * 40
    assert tail([*likely[:36], -8.0, -6.0, -4.0, -2.0], [False] * 40) == pytest.approx(-5.0)
    assert tail([-3.0, -0.5, -0.1, -1.0], [False] * 4) == pytest.approx(-1.5)
    assert tail([-3.0], [False]) == -3.0


def test_one_alien_span_shows_in_the_tail_and_hardly_in_the_mean() -> None:
    plain, span = [-0.3] * 60, [-0.3] * 56 + [-7.0] * 4
    anchors = Anchors(expert=-2.0, own=-0.8)
    assert anchored(sum(span) / 60, anchors) == 1
    assert tail(span, [False] * 60) < tail(plain, [False] * 60) - 4


def test_tokens_of_what_the_expert_mentions_do_not_count_in_the_tail() -> None:
    logprobs = [-0.3] * 56 + [-7.0] * 4
    assert tail(logprobs, [False] * 56 + [True] * 4) == pytest.approx(-0.3)
    assert tail([-7.0], [True]) is None


def test_tail_naturalness_by_hand() -> None:
    assert tail_naturalness(0.0, 4.0) == 1
    assert tail_naturalness(-4.0, 4.0) == pytest.approx(1 / math.e)


def test_lexical_by_hand() -> None:
    # 3-grams {abc, bcd} and {abc, bcx}: similarity 1/3, distance 2/3, over m = 2.
    assert lexical(["a b c d\n#### 1", "a b c x\n#### 2"]) == pytest.approx([1 / 3, 1 / 3])
    assert lexical(["a b c", "d e f", "a b c"]) == pytest.approx([1 / 3, 2 / 3, 1 / 3])


def test_lexical_ignores_the_answer_line() -> None:
    assert lexical(["a b c d\n#### 1", "a b c d\nThe answer is 7."]) == [0, 0]


def test_lexical_compares_scripts_without_spaces_character_by_character() -> None:
    near, _, far = lexical(["十六减去三等于十三", "十六减三等于十三", "先数早餐再卖鸭蛋"])
    assert 0 < near < far < 1


def test_no_kind_rewards_fewer_passing_texts() -> None:
    distinct = [f"{word} {word} {word}" for word in "abcdefgh"]
    assert [max(lexical(distinct[:size])) for size in range(1, 9)] == pytest.approx(
        [1 - 1 / size for size in range(1, 9)]
    )
    orthogonal = np.eye(8)
    by_size = [max(embedding(orthogonal[:size].tolist())) for size in range(1, 9)]
    assert by_size == sorted(by_size)
    published = [max(diversity.paper(orthogonal[:size].tolist())) for size in range(1, 9)]
    assert published[1] == max(published), "the published term pays most where two texts pass"


def test_embedding_by_hand() -> None:
    # Distances (1 - cos)/2: 1/2 between the axes, 1 between opposites, over m = 3.
    assert embedding([[1, 0], [0, 2], [-3, 0]]) == pytest.approx([1.5 / 3, 1 / 3, 1.5 / 3])
    assert embedding([[1.0, 1.0]]) == [0]
    assert embedding([[0.0, 0.0], [1.0, 0.0]]) == pytest.approx([0.25, 0.25])


def test_paper_diversity_by_hand() -> None:
    # Pairs 1/2, 1, 1/2: D = 2/3; without the middle one D = 1, without an outer one 1/2.
    assert diversity.paper([[1, 0], [0, 1], [-1, 0]]) == pytest.approx([1 / 6, 0, 1 / 6])
    assert diversity.paper([[1, 0], [0, 1]]) == pytest.approx([0.5, 0.5])
    assert diversity.paper([[1, 0]]) == [0]


@pytest.mark.parametrize("count", [40, 4000])
def test_whitening_spreads_vectors_that_point_the_same_way(count: int) -> None:
    def cone(size: int, seed: int) -> np.ndarray:
        random = np.random.default_rng(seed)
        return 10 + random.normal(size=(size, 64)) * np.linspace(0.1, 3, 64)

    whitening = Whitening.fit(cone(count, 0))
    fresh = cone(200, 1)
    raw, white = embedding(fresh.tolist()), embedding(whitening.apply(fresh).tolist())
    assert max(raw) < 0.1
    assert np.mean(white) == pytest.approx(0.5, abs=0.05)


def test_whitening_makes_the_covariance_the_identity() -> None:
    random = np.random.default_rng(0)
    mixed = random.normal(size=(5000, 6)) @ random.normal(size=(6, 6)) + 3
    whitened = Whitening.fit(mixed).apply(mixed)
    assert whitened.mean(axis=0) == pytest.approx(np.zeros(6), abs=1e-9)
    assert np.cov(whitened.T) == pytest.approx(np.eye(6), abs=0.1)


def test_whitening_shrinks_as_ledoit_and_wolf_do() -> None:
    sklearn = pytest.importorskip("sklearn.covariance")
    vectors = np.random.default_rng(0).normal(size=(30, 50)) * np.linspace(1, 4, 50)
    whitening = Whitening.fit(vectors)
    covariance = sklearn.LedoitWolf().fit(vectors).covariance_
    whitened = whitening.apply(np.eye(50) + whitening.mean)
    assert whitened @ whitened == pytest.approx(np.linalg.inv(covariance), rel=1e-6, abs=1e-9)


def test_a_whitened_vector_depends_on_itself_alone() -> None:
    random = np.random.default_rng(0)
    whitening = Whitening.fit(random.normal(size=(20, 8)))
    vectors = random.normal(size=(5, 8))
    assert whitening.apply(vectors)[2] == pytest.approx(whitening.apply(vectors[2:3])[0])
    assert whitening.around(lambda texts: [vectors[0]] * len(texts))(["a"])[0] == pytest.approx(
        whitening.apply(vectors)[0].tolist()
    )


@pytest.mark.parametrize("vectors", [[[1.0, 2.0]], [[1.0, 2.0]] * 3, [[1.0, math.nan], [1.0, 2.0]]])
def test_whitening_refuses_vectors_without_spread(vectors: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="at least two finite ones that differ"):
        Whitening.fit(vectors)


def test_support_is_the_mean_log_ratio_of_the_answers_tokens() -> None:
    assert support([-0.1, -0.3], [-2.1, -1.3]) == pytest.approx(1.5)
    assert support([-1.0], [-1.0]) == 0
    with pytest.raises(ValueError, match="zip"):
        support([-0.1, -0.3], [-2.1])


def test_the_support_term_is_the_share_of_the_likelihood_that_the_reasoning_adds() -> None:
    assert support_term(math.log(4)) == pytest.approx(1 - 1 / 4)
    assert support_term(-2.0) == support_term(0.0) == 0
    assert 0 < support_term(0.1) < support_term(5.0) < 1
