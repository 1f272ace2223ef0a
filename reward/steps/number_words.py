"""Reads numbers in words."""

from collections.abc import Sequence

from reward.answers.math.numbers import SCALES as ALL_SCALES
from reward.answers.math.numbers import SMALL, TENS

SCALES = {word: ALL_SCALES[word] for word in ("hundred", "thousand", "million", "billion", "trillion")}
NUMBER_WORDS = frozenset((*SMALL, *TENS))
"""Words that a number in words begins with."""


def read_number_words(words: Sequence[str]) -> tuple[int, int] | None:
    """Number at the start of `words`, and how many of them it takes; None if they begin with no number."""
    first = words[0].lower().partition("-")[0] if words else ""
    if first not in NUMBER_WORDS:
        return None
    total = group = 0
    taken = 0
    for position, word in enumerate(words):
        parts = word.lower().split("-")
        if parts == ["and"]:
            if (
                (not group and not total)
                or position + 1 == len(words)
                or words[position - 1].lower() not in SCALES
            ):
                break
            continue
        state = _add(parts, total, group, is_first=position == 0)
        if state is None:
            break
        total, group = state
        taken = position + 1
    return (total + group, taken) if taken else None


def _add(parts: Sequence[str], total: int, group: int, *, is_first: bool) -> tuple[int, int] | None:
    for part in parts:
        if part in SMALL and (
            is_first or (group % 10 == 0 and SMALL[part] < 10 and group) or (group % 100 == 0)
        ):
            if not is_first and not (total or group):
                return None
            group += SMALL[part]
        elif part in TENS and group % 100 == 0:
            group += TENS[part]
        elif part == "hundred" and 0 < group < 100:
            group *= 100
        elif part in SCALES and part != "hundred" and group:
            total, group = total + group * SCALES[part], 0
        else:
            return None
        is_first = False
    return total, group


FRACTION_WORDS = {
    "half": 2,
    "halves": 2,
    "third": 3,
    "thirds": 3,
    "quarter": 4,
    "quarters": 4,
    "fourth": 4,
    "fifth": 5,
    "twice": 2,
    "double": 2,
    "triple": 3,
    "thrice": 3,
    "dozen": 12,
    "dozens": 12,
}
"""Words that bring a number into a question."""
