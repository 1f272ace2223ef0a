"""Properties that hold for every group and every kind of term."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward import alignment, diversity
from reward.config import RewardConfig
from reward.group import score_group
from reward.steps import StepReport, check_steps
from reward.types import (
    Anchors,
    Candidate,
    Check,
    Grade,
    GradedProblem,
    Score,
    StepCheck,
    TokenScores,
    Verdict,
)


@dataclass(frozen=True)
class Problem:
    question: str = "What is 3 + 4?"
    solution: str = "three plus four makes seven as everyone who can count well knows\n#### 7"
    answer: str = "7"
    convention: str = "####"
    anchors: Anchors = field(default=Anchors(expert=-2.0, own=-1.0))


def verify(checks: list[Check]) -> list[Grade]:
    return [Grade(Verdict.EQUAL if check.answer == check.gold else Verdict.DIFFERENT) for check in checks]


def count_steps(checks: list[StepCheck]) -> list[StepReport | None]:
    return [check_steps(check.text, check.given) for check in checks]


def judge(problem: GradedProblem, candidates: list[Candidate]) -> list[bool]:
    return ["magic" not in candidate.text for candidate in candidates]


def backbone(problem: GradedProblem, candidates: list[Candidate]) -> list[TokenScores]:
    per_text = [[-len(word) / 2 for word in candidate.text.split()] for candidate in candidates]
    return [TokenScores(logprobs, [1.5] * len(logprobs)) for logprobs in per_text]


def embed(texts: list[str]) -> list[Sequence[float]]:
    return [[float(text.count(letter)) for letter in "aeinost"] for text in texts]


def score(group: list[Candidate], settings: dict[str, Any]) -> list[Score]:
    config = RewardConfig.model_validate(settings)
    services: dict[str, Any] = {"verify": verify, "backbone": backbone, "embed": embed, "judge": judge}
    services["check_steps"] = count_steps
    return score_group(Problem(), group, config=config, **services)


candidates = st.builds(
    Candidate,
    st.sampled_from(
        [
            "We add 3 and 4 here.\n#### 7",
            "Counting on from 3: 4, 5, 6, 7.\n#### 7",
            "Three and four together are seven.\n#### 7",
            "It takes magic to see that it is\n#### 7",
            "Four more than three is surely eight.\n#### 8",
            "The reference solution says it.\n#### 7",
            "First 5 - 4 = 2, and so 3 + 4 = 7\n#### 7",
            "First 5 - 4 = 2, and 2 + 4 = 5\n#### 7",
            "No idea at all.",
        ]
    ),
    st.sampled_from([True, True, True, False]),
)
groups = st.lists(candidates, min_size=2, max_size=8)
settings = st.sampled_from(
    [
        {},
        {"preset": "paper"},
        {"alignment": "typicality", "diversity": "embedding", "judge": True},
        {"alignment": "paper", "alignment_weight": 0.0},
        {"diversity": "paper", "diversity_weight": 0.0},
        {"false_step": "measure", "broken_chain": "gate"},
        {"false_step": "gate", "step_credit_weight": 0.99},
    ]
)
logprobs = st.floats(min_value=-20, max_value=0)
texts = st.lists(st.text(alphabet="ab \n#4", max_size=40), min_size=1, max_size=8)
vectors = st.lists(st.lists(st.integers(-3, 3).map(float), min_size=3, max_size=3), min_size=1, max_size=8)


@given(groups, settings)
def test_total_separates_passing_from_rejected_candidates(group: list[Candidate], chosen: dict) -> None:
    for own in score(group, chosen):
        assert own.gate == (own.reason is None) == (1 <= own.total <= 1.85)
        may_earn_credit = own.reason == "false_step" and "step_credit_weight" in chosen
        assert own.gate or 0 <= own.total < (1 if may_earn_credit else 1e-9)
        assert 0 <= own.alignment <= 1
        assert 0 <= own.diversity <= 1


@given(groups, settings, st.randoms())
def test_scores_do_not_depend_on_the_order_of_the_candidates(
    group: list[Candidate], chosen: dict, random: Any
) -> None:
    scores = score(group, chosen)
    order = list(range(len(group)))
    random.shuffle(order)
    for own, i in zip(score([group[i] for i in order], chosen), order, strict=True):
        assert (own.reason, own.extracted) == (scores[i].reason, scores[i].extracted)
        assert own.total == pytest.approx(scores[i].total)


@given(groups, groups, settings)
def test_scores_do_not_depend_on_other_groups(
    group: list[Candidate], neighbours: list[Candidate], chosen: dict
) -> None:
    alone = score(group, chosen)
    score(neighbours, chosen)
    assert score(group, chosen) == alone


@given(groups, candidates)
def test_default_alignment_does_not_depend_on_the_rest_of_the_group(
    group: list[Candidate], another: Candidate
) -> None:
    before, after = score(group, {}), score([*group, another], {})
    assert [own.alignment for own in after[:-1]] == [own.alignment for own in before]


@given(groups, candidates)
def test_one_more_candidate_moves_a_total_by_little(group: list[Candidate], another: Candidate) -> None:
    before, after = score(group, {}), score([*group, another], {})
    passing = sum(own.gate for own in after)
    for old, new in zip(before, after[:-1], strict=True):
        assert abs(new.total - old.total) <= 0.5 / max(passing, 1) + 1e-12


@given(logprobs, logprobs, logprobs, logprobs)
def test_anchored_is_bounded_and_monotone(expert: float, own: float, first: float, second: float) -> None:
    low, high = sorted((first, second))
    anchors = Anchors(expert=expert, own=own)
    assert 0 <= alignment.anchored(low, anchors) <= alignment.anchored(high, anchors) <= 1


@given(st.lists(logprobs, min_size=1, max_size=8))
def test_paper_alignment_ranks_as_the_log_probs_do(values: list[float]) -> None:
    ranked = [aligned for _, aligned in sorted(zip(values, alignment.paper(values), strict=True))]
    assert ranked == sorted(ranked)
    assert all(0 < aligned < 1 for aligned in ranked)


@given(logprobs, logprobs, st.floats(min_value=0, max_value=5))
def test_typicality_grows_with_log_prob_up_to_the_entropy_and_falls_beyond(
    first: float, second: float, entropy: float
) -> None:
    low, high = sorted((first, second))
    below, above = (
        alignment.typicality(alignment.typicality_gap([value], [entropy]), 1.0) for value in (low, high)
    )
    assert 0 < below <= 1
    if high <= -entropy:
        assert below <= above
    elif low >= -entropy:
        assert below >= above


@given(texts, st.randoms())
def test_lexical_is_bounded_and_order_free(group: list[str], random: Any) -> None:
    values = diversity.lexical(group)
    assert all(0 <= value <= 1 - 1 / len(group) for value in values)
    order = list(range(len(group)))
    random.shuffle(order)
    assert diversity.lexical([group[i] for i in order]) == [values[i] for i in order]


@given(vectors, st.randoms())
def test_embedding_kinds_are_bounded_and_order_free(group: list[list[float]], random: Any) -> None:
    order = list(range(len(group)))
    random.shuffle(order)
    for kind in (diversity.embedding, diversity.paper):
        values = kind(group)
        assert all(0 <= value <= 1 for value in values)
        assert kind([group[i] for i in order]) == pytest.approx([values[i] for i in order])


@given(texts, st.text(alphabet="ab \n#4", max_size=40))
def test_one_more_text_moves_lexical_by_at_most_one_over_the_new_size(group: list[str], another: str) -> None:
    for new in (another, group[0]):
        before, after = diversity.lexical(group), diversity.lexical([*group, new])
        for old_value, new_value in zip(before, after[:-1], strict=True):
            assert abs(new_value - old_value) <= 1 / (len(group) + 1) + 1e-12


@given(vectors, st.lists(st.integers(-3, 3).map(float), min_size=3, max_size=3))
def test_one_more_vector_moves_embedding_by_at_most_one_over_the_new_size(
    group: list[list[float]], another: list[float]
) -> None:
    for new in (another, group[0]):
        before, after = diversity.embedding(group), diversity.embedding([*group, new])
        for old_value, new_value in zip(before, after[:-1], strict=True):
            assert abs(new_value - old_value) <= 1 / (len(group) + 1) + 1e-12


def test_the_paper_preset_is_the_published_formula() -> None:
    """Four of five rewrites are feasible; the expected totals follow from the published equations."""
    group = [
        Candidate("We add 3 and 4 here.\n#### 7", True),
        Candidate("Three and four together are seven.\n#### 7", True),
        Candidate("Four more than three is surely eight.\n#### 8", True),
        Candidate("Counting on from 3: 4, 5, 6, 7.\n#### 7", True),
        Candidate("In my own words, 7 it is.\n#### 7", True),
    ]
    nll = [1.0, 1.5, 3.0, 2.5]
    embeddings = [(1.0, 0.0, 0.0), (0.6, 0.8, 0.0), (0.0, 0.0, 2.0), (0.6, 0.0, 0.8)]

    scores = score_group(
        Problem(),
        group,
        config=RewardConfig(preset="paper"),
        verify=verify,
        judge=judge,
        backbone=lambda *_: [TokenScores([-2 * value, 0.0]) for value in nll],
        embed=lambda _: [list(vector) for vector in embeddings],
    )

    mean = sum(nll) / 4
    deviation = math.sqrt(sum((value - mean) ** 2 for value in nll) / 4)

    def spread(members: list[int]) -> float:
        pairs = list(combinations(members, 2))
        return sum((1 - _cosine(embeddings[i], embeddings[j])) / 2 for i, j in pairs) / len(pairs)

    totals = []
    for i in range(4):
        r_dist = 1 / (1 + math.exp((nll[i] - mean) / (deviation + 1e-6)))
        r_div = max(0.0, spread([0, 1, 2, 3]) - spread([j for j in range(4) if j != i]))
        totals.append(1 * (1 + 0.35 * r_dist + 0.5 * r_div))
    totals.insert(2, 0.0)
    assert [own.total for own in scores] == pytest.approx(totals, rel=1e-12)
    # By hand: D(S) = 1.82/6; without the first 0.92/3, the second 0.8/3, the third 0.72/3, the fourth 1.2/3.
    assert [own.diversity for own in scores] == pytest.approx([0, 0.11 / 3, 0, 0.19 / 3, 0], abs=1e-12)


def _cosine(left: Sequence[float], right: Sequence[float]) -> float:
    product = sum(a * b for a, b in zip(left, right, strict=True))
    return product / math.sqrt(sum(a * a for a in left) * sum(b * b for b in right))
