"""How much a model thinks: the share of its replies with reasoning in tags, and the length of that."""

from collections.abc import Sequence
from statistics import fmean

from reward.reasoning import CLOSING, OPENING, split_reasoning

THINKS, LENGTH = "thinks", "reasoning_words"


def thinking(replies: Sequence[str]) -> dict[str, float]:
    """Share of the replies that reason, and the mean number of words of their reasoning; empty if none does."""
    lengths = [len(_reasoning(reply).split()) for reply in replies]
    thought = [length for length in lengths if length]
    return {THINKS: len(thought) / len(replies), LENGTH: fmean(thought)} if thought else {}


def _reasoning(reply: str) -> str:
    # The prompt of a retention task may have opened the reasoning.
    is_open = CLOSING in reply and not reply.lstrip().startswith(OPENING)
    return split_reasoning(f"{OPENING}{reply}" if is_open else reply)[0]
