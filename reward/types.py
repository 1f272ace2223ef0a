"""The objects that go into and come out of scoring a group."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol

Reason = Literal["unfinished", "no_answer", "wrong_answer", "undecided", "leak", "copy"]


class Verdict(Enum):
    """Whether two answers are equivalent; `UNDECIDED` where no decision fell within the limits."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Candidate:
    """One rewrite: its text, and whether it ended by itself (end-of-sequence) rather than by truncation."""

    text: str
    finished: bool


@dataclass(frozen=True)
class Anchors:
    """Mean log-probs under the backbone given the question alone, in nats per token.

    `expert` is that of the expert solution, `own` the mean over the backbone's own samples.
    """

    expert: float
    own: float


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
    token) and `tail_fraction` (share of tokens with probability below 0.4) are None there, because the
    backbone scores passing candidates only. `overlap` is the share of the candidate's word n-grams that the
    expert solution holds.
    """

    gate: bool
    reason: Reason | None
    alignment: float
    diversity: float
    total: float
    mean_logprob: float | None
    tail_fraction: float | None
    overlap: float
    extracted: str | None
