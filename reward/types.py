"""Inputs and outputs of grading an answer and scoring a group."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Protocol

from reward.steps import FalseStep, StepReport

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
    "false_step",
    "broken_chain",
    "unquoted_step",
    "low_coverage",
    "judge",
    "alien",
    "unsupported",
]
"""First gate rule that the candidate broke, in this order."""

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
    "coverage",
    "verifier",
    "entailment",
    "similarity",
    "judge",
]
"""Reason for a verdict that does not follow from comparing two values.

`own_word` accompanies an equal program whose tests compare objects of its own classes by their own methods. The last
ones name the check against a reference that a text fails.
"""


class Verdict(Enum):
    """Result of comparing two answers; `UNDECIDED` if there is no decision within the limits."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Check:
    """Request to the verifier: is `answer`, extracted under `convention`, equivalent to `gold`?

    `question` is only read under `reference`, whose gold is a whole text; make such a check with `check_of`.
    """

    gold: str
    answer: str
    convention: str
    question: str = ""


def check_of(question: str, gold: str, answer: str, convention: str) -> Check:
    """Make the check of an answer, with the question if the convention reads it: equal checks are decided once."""
    return Check(gold, answer, convention, question if convention == "reference" else "")


@dataclass(frozen=True)
class Grade:
    """Verifier's response to a `Check`; `seconds` is the wall-clock time of the decision."""

    verdict: Verdict
    reason: GradeReason | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class StepCheck:
    """Request to the verifier: which claims of `text` are false, if a reader knows what is `given`, the question?

    Under a `convention` whose answer is a fenced block, the blocks are not read.
    """

    text: str
    given: str
    convention: str


@dataclass(frozen=True)
class Candidate:
    """One rewrite; `finished` is true if it ended with an end-of-sequence token rather than by truncation.

    `has_control_tokens` is true if it holds control tokens before its end, which the text does not show.
    """

    text: str
    finished: bool
    has_control_tokens: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Anchors:
    """Mean log-probs under the backbone given the question alone, in nats per token.

    `expert` belongs to the expert solution; `own` is the mean over the backbone's own samples.
    """

    expert: float
    own: float


@dataclass(frozen=True)
class TokenScores:
    """Scores of one candidate's tokens under the backbone given the question alone, one value per token.

    `logprobs` are in nats. `entropies` are those of the backbone's next-token distribution at each position, in nats;
    None if the alignment kind does not need them. `pieces` are the tokens' texts, which join to the candidate's; the
    tail is measured only if they are there. `support` is that of `reward.support.support`, None if it was not measured.
    The kind `rlt` needs `sampled`, the log-probs of the same tokens as the rewriter sampled them, and `solution`, those
    of the expert solution's tokens under the backbone, given the question and the candidate; both in nats.
    """

    logprobs: Sequence[float]
    entropies: Sequence[float] | None = None
    pieces: Sequence[str] | None = None
    support: float | None = None
    sampled: Sequence[float] | None = None
    solution: Sequence[float] | None = None


class GradedProblem(Protocol):
    """Attributes of a problem that scoring reads; any object that has them will do."""

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
    """Reward of one candidate and its parts.

    `alignment` and `diversity` lie in [0, 1] and are 0 for a rejected candidate. `mean_logprob` is in nats per token,
    `tail_fraction` is the share of tokens with probability below 0.4, and `typicality_gap` is the mean of log-prob plus
    entropy in nats (None without entropies). These three are None for rejected candidates unless the reason is `alien`
    or a later one, because the backbone scores only candidates that break no other rule. `overlap` is the share of the
    candidate's word n-grams that the expert solution holds. `repetition` is the share of its n-grams that repeat
    earlier ones. `steps_checked` counts the claims that were decided; it is None if no steps were checked, because an
    earlier rule rejected the text, the config does not ask for it, or the check reached a limit.
    `coverage` is the share of the expert's facts beyond the question that the candidate holds; None if there are none.
    `tail` is the mean log-prob of the least likely tenth of the tokens, in nats, without the numbers, names and terms
    that the expert mentions; None for candidates without a `mean_logprob`, and if the tokens' texts are not known.
    `support` is how much more likely the answer is after the reasoning, in nats per token of the answer; None for
    candidates without a `mean_logprob`, and if it was not measured.
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
    steps_checked: int | None = None
    false_steps: tuple[FalseStep, ...] = ()
    broken_steps: tuple[str, ...] = ()
    coverage: float | None = None
    tail: float | None = None
    support: float | None = None


Verify = Callable[[list[Check]], list[Grade]]
"""Function that grades answers, in order, such as `reward.Verifier.verify`."""

FurtherCheck = Callable[[Sequence[Check]], Sequence[bool]]
"""Function that tells for each check against a reference, in order, whether the text passes; a model may decide it."""

CheckSteps = Callable[[list[StepCheck]], Sequence[StepReport | None]]
"""Function that checks steps, in order, such as `reward.Verifier.check_steps`; None if a check reached a limit."""

Backbone = Callable[[GradedProblem, list[Candidate]], list[TokenScores]]
"""Function that scores candidates under the backbone, in order."""

Embed = Callable[[list[str]], list[Sequence[float]]]
"""Function that embeds texts, in order, as vectors of one length."""

Judge = Callable[[GradedProblem, list[Candidate]], list[bool]]
"""Function that tells for each candidate, in order, whether its reasoning is sound."""
