"""Problems, candidates and fakes for the tests of scoring on the fleet."""

from array import array
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from cluster.fleet.fleet import Fleet
from cluster.types import Scored, ScoreRequest
from reward import Anchors, Check, Grade, Score, StepCheck, StepReport, Verdict, Verifier
from reward.steps import check_steps
from rewriter_agent.data.problem import EncodedProblem, Problem
from rewriter_agent.data.prompt_encoder import Tokens
from rewriter_agent.scoring.group_scorer import AnchoredProblem, GroupScorer, Sample

EOS, CONTROL = 0, 1


class LetterTokens:
    """Fake tokenizer with one token per character; EOS is 0, another control token 1, and neither has a text."""

    def encode(self, problem: Problem) -> EncodedProblem:
        question, rewriting = problem.question, f"{problem.question} {problem.solution}"
        return EncodedProblem(
            **vars(problem),
            prompt_ids=array("i", map(ord, question)),
            rewriting_prompt_ids=array("i", map(ord, rewriting)),
        )

    def has_control_tokens(self, ids: Sequence[int]) -> bool:
        return CONTROL in ids

    def completion(self, text: str) -> list[int]:
        return [*self.beginning(text), EOS]

    def beginning(self, text: str) -> list[int]:
        return list(map(ord, text))

    def finished(self, ids: Sequence[int]) -> bool:
        return bool(ids) and ids[-1] == EOS

    def expert_after(self, ids: Sequence[int], problem: Problem) -> tuple[list[int], list[int]]:
        body = list(ids[:-1] if self.finished(ids) else ids)
        return body, [*map(ord, f"\n\n{problem.solution}"), EOS]

    def text(self, ids: Sequence[int]) -> str:
        return "".join(self.pieces(ids))

    def pieces(self, ids: Sequence[int]) -> list[str]:
        return ["" if token in (EOS, CONTROL) else chr(token) for token in ids]


class RecordingFleet:
    """Fake fleet that gives each token -1/100 of its id as log-prob, and records the requests."""

    def __init__(self, engines: int = 1) -> None:
        self.engines = list(range(engines))
        self.asked: list[ScoreRequest] = []
        self.spec = SimpleNamespace(max_model_len=400)

    def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]:
        self.asked += requests
        return [
            Scored(fake_logprobs(r.completion_ids), [0.5] * len(r.completion_ids) if r.entropies else None)
            for r in requests
        ]


class ExactVerifier:
    """Fake verifier: two answers are equal if their texts are. Steps are checked as always."""

    def verify(self, checks: Sequence[Check]) -> list[Grade]:
        return [Grade(Verdict.EQUAL if c.gold == c.answer else Verdict.DIFFERENT) for c in checks]

    def check_steps(self, checks: Sequence[StepCheck]) -> list[StepReport | None]:
        return [check_steps(check.text, check.given) for check in checks]


def fake_logprobs(ids: Sequence[int]) -> list[float]:
    return [-token / 100 for token in ids]


def make_problem(name: str, answer: str = "5") -> AnchoredProblem:
    solution = f"Counting gives it.\n#### {answer}"
    anchors = Anchors(expert=-2.0, own=-0.5)
    problem = Problem(name, f"Question {name}?", solution, answer, "####", "test")
    return AnchoredProblem(**vars(LetterTokens().encode(problem)), anchors=anchors)


def make_sample(text: str, finished: bool = True) -> Sample:
    ids = [ord(letter) for letter in text] + ([EOS] if finished else [])
    return Sample(text, finished, tuple(ids), tuple(-0.5 for _ in ids))


def passed(total: float, alignment: float = 0.5, diversity: float = 0.5) -> Score:
    return Score(True, None, alignment, diversity, total, -0.7, 0.1, None, 0.0, 0.0, "5")


def failed(reason: Any) -> Score:
    return Score(False, reason, 0.0, 0.0, 0.0, None, None, None, 0.0, 0.0, None)


def group_scorer(fleet: RecordingFleet, config: Any) -> GroupScorer:
    tokens, backbone = cast(Tokens, LetterTokens()), cast(Fleet, fleet)
    return GroupScorer(tokens, backbone, cast(Verifier, ExactVerifier()), config)
