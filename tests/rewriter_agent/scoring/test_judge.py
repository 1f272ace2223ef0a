"""The judge through the fleet: YES and NO compared under the chat template, its own error estimated."""

from collections.abc import Sequence
from typing import cast

import pytest

from cluster.fleet.fleet import Fleet
from cluster.types import Scored, ScoreRequest
from reward import Candidate, RewardConfig, Verifier
from rewriter_agent.data.prompt_encoder import Tokens
from rewriter_agent.data.prompts import Messages
from rewriter_agent.scoring.group_scorer import GroupScorer
from rewriter_agent.scoring.judge import FleetJudge
from tests.helpers.groups import ExactVerifier, LetterTokens, make_problem, make_sample

GOOD = "Two and three make five, so it is five.\n#### 5"
SHAKY = "Two and three is a guess, so it is five.\n#### 5"
WRONG = "Two and three make six, so it is six.\n#### 6"


class Letters:
    """A tokenizer of one token a character."""

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        assert not add_special_tokens
        return [ord(letter) for letter in text]


class JudgeTokens(LetterTokens):
    tokenizer = Letters()

    def prompt(self, messages: Messages) -> list[int]:
        (message,) = messages
        return [ord(letter) for letter in f"<user>{message['content']}<assistant>"]


class JudgingFleet:
    """Says NO to texts with `guess` in them, YES to others; scores everything else at -1."""

    def __init__(self) -> None:
        self.engines = [0]
        self.judged: list[str] = []

    def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]:
        return [Scored(self._logprobs(request)) for request in requests]

    def _logprobs(self, request: ScoreRequest) -> list[float]:
        reply = "".join(map(chr, request.completion_ids))
        if reply not in ("YES", "NO"):
            return [-1.0] * len(request.completion_ids)
        prompt = "".join(map(chr, request.prompt_ids))
        self.judged.append(prompt)
        says_no = "guess" in prompt
        return [-0.1 if (reply == "NO") == says_no else -3.0] * len(reply)


@pytest.fixture
def fleet() -> JudgingFleet:
    return JudgingFleet()


def test_each_candidate_gets_its_own_verdict(fleet: JudgingFleet) -> None:
    judge = FleetJudge(cast(Tokens, JudgeTokens()), fleet.score)
    candidates = [Candidate(text, finished=True) for text in (GOOD, SHAKY, GOOD)]
    assert judge(make_problem("a"), candidates) == [True, False, True]
    assert all(prompt.startswith("<user>") and "Question a?" in prompt for prompt in fleet.judged)


def test_the_gate_asks_it_about_right_answers_and_its_error_is_estimated_on_wrong_ones(
    fleet: JudgingFleet,
) -> None:
    config = RewardConfig(judge=True)
    verifier = cast(Verifier, ExactVerifier())
    scorer = GroupScorer(cast(Tokens, JudgeTokens()), cast(Fleet, fleet), verifier, config)
    samples = [make_sample(text) for text in (GOOD, SHAKY, WRONG, WRONG)]
    (group,) = scorer([(make_problem("a"), samples)])
    assert [score.reason for score in group.scores] == [None, "judge", "wrong_answer", "wrong_answer"]
    # The bad reasoning was shown with the right answer, once a group, and taken for sound.
    assert group.judged_bad == [True]
    assert "it is six.\n#### 5" in fleet.judged[-1]


def test_without_a_judge_nothing_is_judged(fleet: JudgingFleet) -> None:
    verifier = cast(Verifier, ExactVerifier())
    scorer = GroupScorer(cast(Tokens, JudgeTokens()), cast(Fleet, fleet), verifier, RewardConfig())
    (group,) = scorer([(make_problem("a"), [make_sample(GOOD), make_sample(WRONG)])])
    assert group.judged_bad == fleet.judged == []
