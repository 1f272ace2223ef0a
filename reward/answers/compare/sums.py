"""Reduces sums and products over the same range to their terms."""

import re

from reward.answers.math.brackets import split

_LARGE = re.compile(
    r"(?P<sign>.*?\\(?:sum|prod)(?![A-Za-z]) ?_ ?\{[^{}]{1,40}\} ?\^ ?(?:\{[^{}]{1,40}\}|\\infty(?![A-Za-z])|\w)) ?"
    r"(?P<term>[^\s].*)",
    re.DOTALL,
)
_BLANK = re.compile(r" ")


def terms(left: str, right: str) -> tuple[str, str] | None:
    """Terms of two sums over the same range; None if the ranges differ or the end of a sum is uncertain."""
    if "\\sum" not in left and "\\prod" not in left:
        return None
    ours, theirs = _LARGE.fullmatch(left), _LARGE.fullmatch(right)
    if not ours or not theirs or _BLANK.sub("", ours["sign"]) != _BLANK.sub("", theirs["sign"]):
        return None
    if any(_may_end_early(match["term"]) for match in (ours, theirs)):
        return None
    return ours["term"], theirs["term"]


def _may_end_early(term: str) -> bool:
    """Whether a sign outside brackets may end the sum, as in the sum of k + 1, which may be the sum of k, plus 1."""
    parts = split(term.lstrip("-+ "), r"[+-]|\\(?:pm|mp|sum|prod|int)(?![A-Za-z])")
    return parts is None or bool(parts[1])
