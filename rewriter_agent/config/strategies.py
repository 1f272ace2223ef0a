"""Rewriting strategies: writer of the candidates, prompt, and rule of selection."""

from dataclasses import dataclass
from typing import Literal

from .outcomes import REWRITTEN, SELF_CORRECT

StrategyName = Literal[
    "policy",
    "best_of_n",
    "guided_align",
    "self_align",
    "mind_the_gap",
    "quote_align",
    "expert",
    "self_train",
    "self_train_unverified",
]
SelectionRule = Literal["total", "alignment", "logprob", "typicality", "first", "uniform", "diverse"]
Writer = Literal["backbone", "policy"]
PromptKind = Literal["question", "rewriting", "quotation"]
"""`quotation` is the rewriting prompt with the beginning of the reply: a failed candidate's, up to the step that it
lacks, and that step as the expert writes it."""
Acceptance = Literal["gate", "own", "finished"]


@dataclass(frozen=True)
class Round:
    """Candidates of one writer under one prompt, for the problems that no earlier round has solved."""

    writer: Writer
    prompt: PromptKind

    @property
    def outcome(self) -> str:
        """Outcome of a problem whose target comes from this round."""
        return SELF_CORRECT if self.prompt == "question" else REWRITTEN


@dataclass(frozen=True)
class Strategy:
    """Rounds in order, and the rule that selects a target from the candidates of the last round."""

    rounds: tuple[Round, ...]
    select: SelectionRule
    accepts: Acceptance = "gate"
    """Rule that makes a candidate acceptable as a target: the `gate`; the gate without the rules that read the expert's
    solution (`own`); or only an end and no control token (`finished`)."""


ALONE, GUIDED = Round("backbone", "question"), Round("backbone", "rewriting")
QUOTED = Round("backbone", "quotation")
STRATEGIES: dict[StrategyName, Strategy] = {
    "policy": Strategy((Round("policy", "rewriting"),), "total"),
    # GRAPE's rule (arXiv 2502.04194) on the backbone's own rewrites.
    "best_of_n": Strategy((GUIDED,), "logprob"),
    "guided_align": Strategy((GUIDED,), "first"),
    "self_align": Strategy((ALONE,), "first"),
    # Mind the Gap (arXiv 2509.15157): solve alone, else solve with the expert's solution at hand, else the expert.
    "mind_the_gap": Strategy((ALONE, GUIDED), "first"),
    "quote_align": Strategy((GUIDED, QUOTED), "logprob"),
    "expert": Strategy((), "first"),
    # Rejection sampling (RFT, arXiv 2308.01825): the model's own right answers.
    "self_train": Strategy((ALONE,), "first", "own"),
    # Simple self-distillation (arXiv 2604.01193): the model's own answers, right or wrong.
    "self_train_unverified": Strategy((ALONE,), "first", "finished"),
}


def budget(strategy: Strategy, rollouts: int) -> list[int]:
    """Split a problem's rollouts into equal shares per round; the last round gets the remainder."""
    count = len(strategy.rounds)
    if not count:
        return []
    share = rollouts // count
    return [share] * (count - 1) + [rollouts - share * (count - 1)]


def uses_policy(name: StrategyName) -> bool:
    """Tell whether the strategy needs a trained rewriter."""
    return any(round_.writer == "policy" for round_ in STRATEGIES[name].rounds)
