"""Reads numbers in words."""

from collections.abc import Sequence

_NAMES = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen
"""
_SMALL: dict[str, int] = {word: value for value, word in enumerate(_NAMES.split())}
_TENS = {
    word: 10 * ten
    for ten, word in enumerate(
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), 2
    )
}
SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
NUMBER_WORDS = frozenset((*_SMALL, *_TENS))
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
        if part in _SMALL and (
            is_first or (group % 10 == 0 and _SMALL[part] < 10 and group) or (group % 100 == 0)
        ):
            if not is_first and not (total or group):
                return None
            group += _SMALL[part]
        elif part in _TENS and group % 100 == 0:
            group += _TENS[part]
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
