"""The group reward as TRL calls it."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean, pstdev
from types import SimpleNamespace
from typing import Any, cast

import pytest

from reward import FalseStep, RewardConfig, Score
from rewriter_agent.scoring.group_scorer import AnchoredProblem, GroupScorer, Sample, ScoredGroup
from rewriter_agent.train.reward import (
    GroupReward,
    log_judge,
    log_lengths,
    log_steps,
    log_terms,
    scored_length,
)
from tests.helpers.groups import EOS, LetterTokens, failed, make_problem, passed

K = 3
PROBLEMS = {name: make_problem(name) for name in "abc"}


class FakeScorer:
    """The length of a candidate's text is its total; remembers the groups."""

    tokens = LetterTokens()
    verifier = SimpleNamespace(timeouts=2, crashes=1)
    config = RewardConfig()

    def __init__(self) -> None:
        self.groups: list[tuple[AnchoredProblem, list[Sample]]] = []

    def __call__(self, groups: Sequence[tuple[AnchoredProblem, list[Sample]]]) -> list[ScoredGroup]:
        self.groups = list(groups)
        return [ScoredGroup(samples, [passed(len(s.text)) for s in samples], [], []) for _, samples in groups]


class Logs:
    """Logged metrics in the form of TRL's callbacks."""

    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}
        self.extra: dict[str, list[Any]] = {}

    def metric(self, name: str, value: float) -> None:
        self.metrics[name] = value

    def column(self, name: str, values: list[Any]) -> None:
        self.extra[name] = values


@pytest.fixture
def scorer() -> FakeScorer:
    return FakeScorer()


@pytest.fixture
def logs() -> Logs:
    return Logs()


def make_reward(scorer: FakeScorer) -> GroupReward:
    return GroupReward(cast(GroupScorer, scorer), PROBLEMS, K)


def ids(text: str) -> list[int]:
    return [*(ord(letter) for letter in text), EOS]


def call(scorer: FakeScorer, logs: Logs, texts: list[str], names: str) -> list[float]:
    return make_reward(scorer)(
        completion_ids=[ids(text) for text in texts],
        problem_id=list(names),
        log_extra=logs.column,
        log_metric=logs.metric,
        prompts=["ignored"] * len(texts),
    )


def test_steps_of_candidates_that_were_checked_are_logged(logs: Logs) -> None:
    false = FalseStep("5 - 4 = 2", "2", "1")
    scores = [
        replace(passed(1.2), steps_checked=3),
        replace(failed("false_step"), steps_checked=2, false_steps=(false,), broken_steps=("1 - = 5",)),
        failed("unfinished"),
    ]
    log_steps(scores, logs.metric)
    assert logs.metrics == {
        "steps/checked_mean": 2.5,
        "steps/false_candidates": 0.5,
        "steps/broken_candidates": 0.5,
        "steps/true_share": 0.8,
    }
    nothing = Logs()
    log_steps([failed("unfinished")], nothing.metric)
    assert nothing.metrics == {}


def test_the_share_of_candidates_that_quote_the_expert_is_logged_with_the_option(logs: Logs) -> None:
    class Quoting(FakeScorer):
        """Every text of two letters quotes the expert."""

        config = RewardConfig(quote_expert=True)

        def __call__(self, groups: Sequence[tuple[AnchoredProblem, list[Sample]]]) -> list[ScoredGroup]:
            return [
                replace(
                    group,
                    samples=[replace(s, text=s.text.replace("bb", "1 zorb = 5")) for s in group.samples],
                )
                for group in super().__call__(groups)
            ]

    call(Quoting(), logs, ["a", "bb", "c", "a", "a", "bb"], "aaabbb")
    assert logs.metrics["steps/quoted_candidates"] == pytest.approx(2 / 6)
    without = Logs()
    call(FakeScorer(), without, ["a"] * K, "aaa")
    assert "steps/quoted_candidates" not in without.metrics


def test_a_candidate_tells_of_the_control_tokens_that_its_text_hides(scorer: FakeScorer) -> None:
    hidden, plain = (make_reward(scorer).sample(ids(text), []) for text in ("a\x01b", "ab"))
    assert hidden.text == plain.text == "ab"
    assert (hidden.has_control_tokens, plain.has_control_tokens) == (True, False)


def test_groups_are_k_consecutive_rows_and_rewards_follow_the_rows(scorer: FakeScorer, logs: Logs) -> None:
    texts = ["1", "22", "333", "4444", "55555", "666666"]
    assert call(scorer, logs, texts, "bbbaaa") == [1, 2, 3, 4, 5, 6]
    assert [problem.id for problem, _ in scorer.groups] == ["b", "a"]
    assert [[s.text for s in samples] for _, samples in scorer.groups] == [texts[:3], texts[3:]]


def test_a_problem_drawn_twice_makes_two_groups(scorer: FakeScorer, logs: Logs) -> None:
    assert len(call(scorer, logs, ["x"] * 6, "aaaaaa")) == 6
    assert [len(samples) for _, samples in scorer.groups] == [K, K]


def test_rows_of_two_problems_in_one_group_are_a_fault(scorer: FakeScorer, logs: Logs) -> None:
    with pytest.raises(AssertionError, match="consecutive"):
        call(scorer, logs, ["x"] * 6, "ababab")


def test_a_candidate_is_finished_where_its_last_token_is_eos(scorer: FakeScorer, logs: Logs) -> None:
    make_reward(scorer)(
        completion_ids=[ids("done"), ids("cut")[:-1], [EOS, 65]],
        problem_id=["a"] * K,
        log_extra=logs.column,
        log_metric=logs.metric,
    )
    samples = scorer.groups[0][1]
    assert [sample.finished for sample in samples] == [True, False, False]
    assert [sample.text for sample in samples] == ["done", "cut", "A"]
    assert samples[0].token_ids == tuple(ids("done"))


def test_every_term_is_logged_for_every_row(scorer: FakeScorer, logs: Logs) -> None:
    call(scorer, logs, ["1", "22", "333"], "aaa")
    assert logs.extra["problem_id"] == ["a"] * K
    assert logs.extra["mean_logprob"] == [-0.7] * K
    assert set(logs.extra) >= {"reason", "alignment", "diversity", "tail_fraction", "overlap"}
    for term in ("gate", "alignment", "diversity", "total"):
        assert {f"reward_terms/{term}_mean", f"reward_terms/{term}_std"} <= set(logs.metrics)
    assert (logs.metrics["verifier/timeouts"], logs.metrics["verifier/crashes"]) == (2, 1)
    # Here the total is the length.
    assert logs.metrics["length_correlation/total"] == pytest.approx(1)


def test_terms_are_over_passing_candidates_and_rejections_over_all(logs: Logs) -> None:
    scores: list[Score] = [
        passed(1.5, alignment=0.2, diversity=0.4),
        failed("wrong_answer"),
        passed(1.9, alignment=0.6, diversity=0.5),
        failed("unfinished"),
    ]
    log_terms(scores, logs.metric)
    expected = {
        "gate": [1, 0, 1, 0],
        "alignment": [0.2, 0.6],
        "diversity": [0.4, 0.5],
        "total": [1.5, 0, 1.9, 0],
    }
    for term, values in expected.items():
        assert logs.metrics.pop(f"reward_terms/{term}_mean") == pytest.approx(fmean(values))
        assert logs.metrics.pop(f"reward_terms/{term}_std") == pytest.approx(pstdev(values))
    assert logs.metrics == {"rejected/unfinished": 0.25, "rejected/wrong_answer": 0.25}


def test_a_term_that_no_candidate_has_is_not_logged(logs: Logs) -> None:
    log_terms([failed("copy"), failed("copy")], logs.metric)
    assert "reward_terms/alignment_mean" not in logs.metrics
    assert logs.metrics["reward_terms/gate_mean"] == 0
    assert logs.metrics["rejected/copy"] == 1
    log_terms([replace(passed(1.0, alignment=0.0), mean_logprob=None)] * 2, logs.metric)
    assert "reward_terms/alignment_mean" not in logs.metrics
    assert logs.metrics["reward_terms/gate_mean"] == 1


def test_length_correlations_are_over_passing_candidates(logs: Logs) -> None:
    scores = [passed(1.1, 0.9, 0.1), passed(1.2, 0.6, 0.1), failed("leak"), passed(1.3, 0.3, 0.1)]
    log_lengths(scores, [10, 20, 500, 30], logs.metric)
    assert logs.metrics == {
        "length_correlation/total": pytest.approx(1),
        "length_correlation/alignment": pytest.approx(-1),
    }


def test_two_candidates_have_no_length_correlation(logs: Logs) -> None:
    log_lengths([passed(1.1), passed(1.2), failed("leak")], [1, 2, 3], logs.metric)
    assert logs.metrics == {}


def test_the_judges_false_acceptances_are_a_share(logs: Logs) -> None:
    log_judge([], logs.metric)
    assert logs.metrics == {}
    log_judge([True, False, False, False], logs.metric)
    assert logs.metrics == {"judge/false_accept": 0.25}


def test_candidates_carry_the_logprobs_of_their_sampling(scorer: FakeScorer, logs: Logs) -> None:
    reward = make_reward(scorer)
    sampled = [[-0.5] * len(ids(text)) for text in ("1", "22", "333")]
    reward.sampled = lambda: sampled
    batch = [ids(text) for text in ("1", "22", "333")]
    reward(completion_ids=batch, problem_id=["a"] * K, log_extra=logs.column, log_metric=logs.metric)
    assert [list(sample.logprobs) for sample in scorer.groups[0][1]] == sampled


def test_tokens_that_the_backbone_reads_are_a_mean_over_all_candidates() -> None:
    groups = [
        ScoredGroup([], [passed(1), passed(2)], [[-1.0, -2.0, -0.5], None], []),
        ScoredGroup([], [passed(1), passed(2)], [None, [-1.0]], []),
    ]
    assert scored_length(groups) == 1
