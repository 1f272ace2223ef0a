"""Strategies at work, on a fleet that answers from a script."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
from ray.exceptions import RayTaskError

from cluster.fleet.fleet import Fleet
from cluster.types import Completion, GenerateRequest, Scored, ScoreRequest
from reward import RewardConfig
from rewriter_agent.config.outcomes import ENGINE_ERROR, IN_DISTRIBUTION, TOO_LONG, TOOL_CALL
from rewriter_agent.config.rewrite import RewriteConfig
from rewriter_agent.config.strategies import ALONE, GUIDED, QUOTED, STRATEGIES, Round, StrategyName
from rewriter_agent.data.conversation import Conversation
from rewriter_agent.data.formats import MESSAGES
from rewriter_agent.data.prompt_encoder import Tokens
from rewriter_agent.rewrite.rounds import Attempt, Rewriter
from rewriter_agent.scoring.group_scorer import AnchoredProblem, GroupScorer
from rewriter_agent.scoring.unverified import UnverifiedScorer
from tests.helpers.chats import CALL, WEATHER
from tests.helpers.groups import EOS, LetterTokens, RecordingFleet, fake_logprobs, group_scorer, make_problem

RIGHT, WRONG = "Two and three are five\n#### 5", "Two and three are six\n#### 6"
POISON = "Question poison?"


class ScriptedFleet(RecordingFleet):
    """Fake engine that writes `RIGHT` to prompts of kinds that it solves, else `WRONG`; one question breaks it."""

    def __init__(self, alone: bool, guided: bool) -> None:
        super().__init__()
        self.can = {False: alone, True: guided}
        self.calls: list[list[GenerateRequest]] = []

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        self.calls.append(list(requests))
        prompts = ["".join(map(chr, request.prompt_ids)) for request in requests]
        if any(POISON in prompt for prompt in prompts):
            raise RayTaskError("generate", "traceback", ValueError("an engine cannot do this"))
        return [self._completion(RIGHT if self.can["####" in prompt] else WRONG) for prompt in prompts]

    def _completion(self, text: str) -> Completion:
        ids = [*map(ord, text), EOS]
        return Completion(ids, fake_logprobs(ids), True, 0)


def attempts(
    backbone: ScriptedFleet,
    problems: Sequence[AnchoredProblem],
    policy: ScriptedFleet | None = None,
    seed: int = 0,
    **config: Any,
) -> list[Attempt]:
    fleets = cast(dict[Any, Fleet], {"backbone": backbone, "policy": policy})
    rewriter = Rewriter(
        RewriteConfig.model_validate({"num_generations": 4, "max_completion_length": 64, **config}),
        seed,
        cast(Tokens, LetterTokens()),
        fleets,
        _scorer(backbone, config["strategy"]),
    )
    return rewriter(problems)


def _scorer(backbone: ScriptedFleet, strategy: StrategyName) -> GroupScorer | UnverifiedScorer:
    if STRATEGIES[strategy].accepts == "finished":
        return UnverifiedScorer(cast(Tokens, LetterTokens()), cast(Fleet, backbone))
    return group_scorer(backbone, RewardConfig())


PROBLEMS = [make_problem("a"), make_problem("b")]


@pytest.mark.parametrize(
    ("strategy", "rounds"),
    [
        ("expert", []),
        ("self_align", [(ALONE, 4)]),
        ("guided_align", [(GUIDED, 4)]),
        ("best_of_n", [(GUIDED, 4)]),
        ("policy", [(Round("policy", "rewriting"), 4)]),
        ("mind_the_gap", [(ALONE, 2), (GUIDED, 2)]),
        ("self_train", [(ALONE, 4)]),
        ("self_train_unverified", [(ALONE, 1)]),
    ],
)
def test_a_strategy_plays_its_rounds_within_the_budget(
    strategy: str, rounds: list[tuple[Round, int]]
) -> None:
    backbone, policy = ScriptedFleet(alone=False, guided=True), ScriptedFleet(alone=False, guided=True)
    for attempt in attempts(backbone, PROBLEMS, policy, strategy=strategy):
        assert [(group.round, len(group.samples)) for group in attempt.groups] == rounds
    asked = {"backbone": len(backbone.calls), "policy": len(policy.calls)}
    expected = [round_.writer for round_, _ in rounds]
    assert asked == {writer: expected.count(writer) for writer in ("backbone", "policy")}


def test_what_nobody_verifies_is_accepted_if_it_ended() -> None:
    class Cut(ScriptedFleet):
        """The last sample of each call is cut at the limit."""

        def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
            *whole, last = super().generate(requests)
            return [*whole, Completion(last.token_ids[:-1], last.logprobs[:-1], False, 0)]

    backbone = Cut(alone=False, guided=False)
    found = attempts(backbone, PROBLEMS, strategy="self_train_unverified", num_targets=2)
    (whole, second), (third, cut) = [attempt.groups[0].scored.scores for attempt in found]
    assert [score.gate for score in (whole, second, third)] == [True] * 3
    assert (cut.gate, cut.reason, cut.mean_logprob) == (False, "unfinished", None)
    ids = [*map(ord, WRONG), EOS]
    assert found[0].groups[0].scored.logprobs == [fake_logprobs(ids)] * 2
    assert found[1].groups[0].scored.logprobs == [fake_logprobs(ids), None]
    assert whole.mean_logprob == pytest.approx(sum(fake_logprobs(ids)) / len(ids))
    assert {"####" in "".join(map(chr, request.prompt_ids)) for request in backbone.asked} == {False}


def test_a_solved_problem_costs_no_further_round() -> None:
    backbone = ScriptedFleet(alone=True, guided=True)
    found = attempts(backbone, PROBLEMS, strategy="mind_the_gap")
    assert [len(attempt.groups) for attempt in found] == [1, 1]
    assert all(attempt.groups[0].solved for attempt in found)


class Continuing(ScriptedFleet):
    """Fake engine that leaves the expert's way at once, and gets home from the expert's step."""

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        self.calls.append(list(requests))
        quoted = ["".join(map(chr, request.prompt_ids)).endswith("zorb = 5.") for request in requests]
        return [self._completion(HOME if one else ASTRAY) for one in quoted]


ASTRAY, HOME = "It begins with 2. So 2 + 1 = 3.\n#### 3", " So it is 5.\n#### 5"


def test_a_failed_candidate_is_continued_after_the_experts_step() -> None:
    backbone = Continuing(alone=False, guided=False)
    problem = replace(PROBLEMS[0], solution="2 zorb = 5\n#### 5")
    (found,) = attempts(backbone, [problem], strategy="quote_align")
    first, second = found.groups
    assert (first.round, second.round, len(first.samples), len(second.samples)) == (GUIDED, QUOTED, 2, 2)
    beginning = "It begins with 2. 2 zorb = 5."
    assert {sample.text for sample in second.samples} == {beginning + HOME}
    assert second.solved
    # The model did not write all of its tokens.
    assert second.samples[0].logprobs == ()
    asked = backbone.calls[1][0]
    assert asked.prompt_ids[-len(beginning) :] == list(map(ord, beginning))
    assert len(beginning) + asked.max_tokens == 64
    assert second.prompt_tokens + len(beginning) == len(asked.prompt_ids)


def test_without_a_step_to_quote_there_is_no_continuation() -> None:
    (found,) = attempts(Continuing(alone=False, guided=False), PROBLEMS[:1], strategy="quote_align")
    assert [group.round for group in found.groups] == [GUIDED]
    assert found.skipped is None


def test_what_is_in_distribution_stays_and_costs_nothing() -> None:
    backbone = ScriptedFleet(alone=True, guided=True)
    # make_problem's expert solution is 1.5 nats a token less likely than the backbone's own samples.
    (kept,) = attempts(backbone, PROBLEMS[:1], strategy="best_of_n", keep_gap=1.6)
    assert (kept.skipped, kept.groups, backbone.calls) == (IN_DISTRIBUTION, [], [[]])
    (rewritten,) = attempts(backbone, PROBLEMS[:1], strategy="best_of_n", keep_gap=1.4)
    assert rewritten.skipped is None
    assert len(rewritten.groups) == 1


def test_calls_in_a_form_that_is_not_read_are_not_rewritten() -> None:
    row = {"messages": [{"role": "user", "content": "Weather?"}, CALL], "tools": [WEATHER]}
    chat = Conversation(MESSAGES, row, 1, "chats.jsonl, line 1")
    backbone = ScriptedFleet(alone=True, guided=True)
    (kept,) = attempts(
        backbone, [replace(PROBLEMS[0], answer="", conversation=chat.dumps())], strategy="self_align"
    )
    assert (kept.skipped, kept.groups, backbone.calls) == (TOOL_CALL, [], [[]])


def test_a_prompt_without_room_is_recorded_and_leaves_the_others_alone() -> None:
    long = make_problem("x" * 400)
    backbone = ScriptedFleet(alone=True, guided=True)
    first, second = attempts(backbone, [long, PROBLEMS[0]], strategy="best_of_n")
    assert (first.skipped, first.groups) == (TOO_LONG, [])
    assert second.groups[0].solved


def test_a_row_that_breaks_the_engine_is_recorded_and_leaves_the_others_alone() -> None:
    backbone = ScriptedFleet(alone=True, guided=True)
    poisoned = make_problem("poison")
    first, second, third = attempts(backbone, [PROBLEMS[0], poisoned, PROBLEMS[1]], strategy="best_of_n")
    assert (second.skipped, second.groups) == (ENGINE_ERROR, [])
    assert [first.groups[0].solved, third.groups[0].solved] == [True, True]


def test_a_row_that_breaks_the_scoring_is_recorded_and_leaves_the_others_alone() -> None:
    class Scorer(ScriptedFleet):
        def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]:
            if any("poison" in "".join(map(chr, request.prompt_ids)) for request in requests):
                raise RayTaskError("score", "traceback", ValueError("an engine cannot do this"))
            return super().score(requests)

        def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
            return [self._completion(RIGHT) for _ in requests]

    found = attempts(Scorer(True, True), [PROBLEMS[0], make_problem("poison")], strategy="best_of_n")
    assert [attempt.skipped for attempt in found] == [None, ENGINE_ERROR]
    assert found[0].groups[0].solved
    assert found[1].groups == []


@pytest.mark.parametrize("count", [1, 2])
def test_poison_alone_is_told_from_an_engine_that_can_do_nothing(count: int) -> None:
    class Broken(ScriptedFleet):
        def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
            raise RayTaskError("generate", "traceback", ValueError("out of order"))

    poisoned = [make_problem("poison")] * count
    found = attempts(ScriptedFleet(alone=True, guided=True), poisoned, strategy="best_of_n")
    assert [attempt.skipped for attempt in found] == [ENGINE_ERROR] * count
    with pytest.raises(RayTaskError):
        attempts(Broken(alone=True, guided=True), PROBLEMS[:count], strategy="best_of_n")


def test_seeds_differ_by_problem_round_and_candidate_and_follow_from_the_runs() -> None:
    def seeds(seed: int) -> list[int]:
        backbone = ScriptedFleet(alone=False, guided=False)
        attempts(backbone, PROBLEMS, seed=seed, strategy="mind_the_gap")
        return [request.seed for call in backbone.calls for request in call]

    assert len(set(seeds(0))) == 8
    assert seeds(0) == seeds(0)
    assert not set(seeds(0)) & set(seeds(1))
