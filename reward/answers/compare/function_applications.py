"""Marks function applications that the two answers show to be such: P in `P(t) = 5`, `P'`, `P(0)`.

Without the mark `a(b + 1)` is a product. A product is also a function of its second factor. Answers that are equal with
the mark are therefore equal without it.
"""

import re

from reward.answers.math.expression import GREEK
from reward.answers.math.tokens import APPLICATION

_LETTERS = rf"\\(?:{'|'.join(sorted(GREEK))})(?![A-Za-z])|(?<![\\A-Za-z]{{2}})(?<!\\)[A-Za-z]"
_SUBSCRIPT = r"(?: ?_ ?(?:\w|\{[^{}]{1,20}\}))?"
_NAME = rf"((?:{_LETTERS})'{{0,3}}{_SUBSCRIPT})"
_NUMBER = r"[+-]? ?\d+(?:\.\d+)?"
# The base of a power is more likely a factor: P(0.9)^t.
_NO_POWER = r"(?! ?\^)"
_EVIDENCE = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:^|[,;=]|(?<![A-Za-z])(?:and|or)) ?{_NAME} ?\( ?(?:{_NUMBER}|[A-Za-z]|\\theta) ?\) ?=",
        rf"{_NAME} ?\( ?{_NUMBER} ?\){_NO_POWER}",
        rf"((?:{_LETTERS})'+{_SUBSCRIPT})",
        r"\\frac ?\{ ?d ?\^? ?\{?2?\}? ?([A-Za-z]) ?\} ?\{ ?d ?[A-Za-z]",
    )
)
_APPLIED = re.compile(rf"{_NAME} ?\((?! ?{_NUMBER} ?\) ?\^)")
_NO_NAME = re.compile(r"[ {}']")
_CONSTANTS = frozenset(("e", "i"))


def mark_applications(left: str, right: str) -> tuple[str, str]:
    """Mark the argument of each name that one of the texts shows to be a function, in both texts."""
    if "(" not in left + right:
        return left, right
    names = {
        _NO_NAME.sub("", match[1])
        for text in (left, right)
        for pattern in _EVIDENCE
        for match in pattern.finditer(text)
    }
    names -= _CONSTANTS
    if not names:
        return left, right
    return _marked(left, names), _marked(right, names)


def _marked(text: str, names: set[str]) -> str:
    def mark(match: re.Match[str]) -> str:
        return f"{match[1]}{APPLICATION}(" if _NO_NAME.sub("", match[1]) in names else match[0]

    return _APPLIED.sub(mark, text)
