"""The objects that go into and come out of grading an answer and scoring a group."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Protocol

Reason = Literal[
    "unfinished",
    "control_token",
    "no_answer",
    "no_reasoning",
    "too_long",
    "repetitive",
    "leak",
    "copy",
    "undecided",
    "wrong_answer",
    "judge",
    "alien",
]
"""Why the gate is closed: the first rule that the candidate broke, in this order."""

GradeReason = Literal[
    "no_answer",
    "too_long",
    "unparsable",
    "timeout",
    "memory",
    "crashed",
    "invalid_gold",
    "schema",
    "test_failed",
    "no_assertion",
    "own_word",
]
"""Why an answer got its verdict, if it is not simply the comparison of two values.

`own_word` goes with an equal program: the tests compare objects of its own classes, by their own methods.
"""


class Verdict(Enum):
    """Whether two answers are equivalent; `UNDECIDED` where no decision fell within the limits."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Check:
    """One question to the verifier: is `answer`, as extracted under `convention`, equivalent to `gold`?"""

    gold: str
    answer: str
    convention: str


@dataclass(frozen=True)
class Grade:
    """The answer to a `Check`; `seconds` is the wall-clock time that deciding it took."""

    verdict: Verdict
    reason: GradeReason | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Candidate:
    """One rewrite: its text, and whether it ended by itself (end-of-sequence) rather than by truncation.

    `has_control_tokens`: it holds control tokens before its end, which the text does not show.
    """

    text: str
    finished: bool
    has_control_tokens: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Anchors:
    """Mean log-probs under the backbone given the question alone, in nats per token.

    `expert` is that of the expert solution, `own` the mean over the backbone's own samples.
    """

    expert: float
    own: float


@dataclass(frozen=True)
class TokenScores:
    """One candidate's tokens under the backbone given the question alone; sequences of one value a token.

    `logprobs` in nats, `entropies` of the backbone's next-token distribution at each position, in nats
    (None where the alignment kind does not ask for them).
    """

    logprobs: Sequence[float]
    entropies: Sequence[float] | None = None


class GradedProblem(Protocol):
    """What scoring reads of a problem; any object with these attributes serves."""

    @property
    def question(self) -> str: ...
    @property
    def solution(self) -> str: ...
    @property
    def answer(self) -> str: ...
    @property
    def convention(self) -> str: ...
    @property
    def anchors(self) -> Anchors: ...


@dataclass(frozen=True)
class Score:
    """The reward of one candidate and the parts it is made of.

    `alignment` and `diversity` lie in [0, 1] and are 0 where the gate is closed. `mean_logprob` (nats per
    token), `tail_fraction` (share of tokens with probability below 0.4) and `typicality_gap` (mean of
    log-prob plus entropy, nats; None without entropies) are None there unless the reason is `alien`: the backbone
    scores only candidates that break no other rule. `overlap` is the share of the candidate's word n-grams that
    the expert solution holds, `repetition` the share of its n-grams that it said before.
    """

    gate: bool
    reason: Reason | None
    alignment: float
    diversity: float
    total: float
    mean_logprob: float | None
    tail_fraction: float | None
    typicality_gap: float | None
    overlap: float
    repetition: float
    extracted: str | None


Verify = Callable[[list[Check]], list[Grade]]
"""Grades answers, in order; `reward.Verifier.verify` is one."""

Backbone = Callable[[GradedProblem, list[Candidate]], list[TokenScores]]
"""Scores candidates under the backbone, in order."""

Embed = Callable[[list[str]], list[Sequence[float]]]
"""One vector a text, in order; all of one length."""

Judge = Callable[[GradedProblem, list[Candidate]], list[bool]]
"""Whether each candidate's reasoning is sound, in order."""
