"""The `contains` convention: a text that says the answer somewhere, as open-domain question answering is measured.

Kandpal et al., "Large Language Models Struggle to Learn Long-Tail Knowledge" (2023) and Liu et al., "Lost in the
Middle" (2024), section 2: right where the answer appears in the output.
"""

from reward.answers.extract.clean import without_end_tokens
from reward.config import RewardConfig
from reward.types import Check, GradeReason, Verdict

from .text_answer import words


def extract(text: str, strict: bool) -> str | None:
    """The whole text, or None where it is blank; strict or not is the same."""
    return without_end_tokens(text).strip() or None


def decide(check: Check, config: RewardConfig) -> tuple[Verdict, GradeReason | None]:
    """Equal where the answer holds gold; a gold without words is refused."""
    if not words(check.gold):
        return Verdict.UNDECIDED, "invalid_gold"
    return (Verdict.EQUAL if holds(check.answer, check.gold) else Verdict.DIFFERENT), None


def holds(text: str, answer: str) -> bool:
    """Whether the answer's words stand in the text, side by side; normalised as under `text`."""
    # No word holds a blank.
    return f" {' '.join(words(answer))} " in f" {' '.join(words(text))} "
