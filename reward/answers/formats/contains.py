"""Convention `contains`: the text says the answer somewhere, the metric of open-domain question answering.

Kandpal et al., "Large Language Models Struggle to Learn Long-Tail Knowledge" (2023) and Liu et al., "Lost in the
Middle" (2024), section 2: an output is right if the answer appears in it.
"""

from reward.answers.extract.clean import without_end_tokens
from reward.config import RewardConfig
from reward.types import Check, GradeReason, Verdict

from .text_answer import words


def extract(text: str, strict: bool) -> str | None:
    """Return the whole text, or None if it is blank; `strict` makes no difference."""
    return without_end_tokens(text).strip() or None


def decide(check: Check, config: RewardConfig) -> tuple[Verdict, GradeReason | None]:
    """Compare by containment: EQUAL if the answer holds gold; a gold without words is refused."""
    if not words(check.gold):
        return Verdict.UNDECIDED, "invalid_gold"
    return (Verdict.EQUAL if holds(check.answer, check.gold) else Verdict.DIFFERENT), None


def holds(text: str, answer: str) -> bool:
    """Whether the answer's words occur in the text consecutively; both are normalised as under `text`."""
    # No word holds a blank.
    return f" {' '.join(words(answer))} " in f" {' '.join(words(text))} "
