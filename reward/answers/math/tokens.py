"""Splits a formula into tokens: numbers, commands, single letters and signs."""

import re
from fractions import Fraction

APPLICATION = "\u2061"
"""Unicode's function-application sign, between a function's name and the brackets of its argument."""
_NUMBER = r"\d+(?:\.\d*)?|\.\d+"
_TOKEN = re.compile(rf"{_NUMBER}|\\[A-Za-z]+|\\[{{}}]|[A-Za-z]+|\S")
_RECURRING = re.compile(
    r"(?<![\d.])(\d*)\.(\d*)(?:(?<=\.)\((\d+)\)|\\(?:overline|bar|dot) ?\{? ?(\d+) ?\}?)(?!\d| ?\\(?:dot|bar|overline))"
    r"|(?<![\d.])(\d*)\.(\d+) ?(?:\.\.\.|\\dots(?![A-Za-z]))(?!\.)"
)
_PERIODS = 3


def tokens(text: str, names: frozenset[str]) -> list[str]:
    """Tokens of a normalised text; a word not in `names` is split into single-letter variables."""
    pieces: list[str] = []
    for token in _TOKEN.findall(text):
        is_word = token.isascii() and token.isalpha() and len(token) > 1
        if is_word and token in names:
            pieces.append("\\" + token)
        elif is_word:
            pieces.extend(token)
        else:
            pieces.append(token)
    return pieces


def is_number(token: str) -> bool:
    """Whether the token is an unsigned number."""
    return token.isascii() and (token[:1].isdigit() or (token[:1] == "." and len(token) > 1))


def without_recurring(text: str) -> str:
    """Replace recurring decimals by fractions: `0.(3)`, `0.\\overline{3}`, and `0.333...`.

    Dots mean a recurring decimal only after three equal periods; `3.14159...` is unchanged.
    """
    return _RECURRING.sub(_fraction, text) if "." in text else text


def _fraction(match: re.Match[str]) -> str:
    period = match[3] or match[4]
    whole, fixed = (match[1], match[2]) if period else (match[5], match[6])
    if not period:
        period = _period(fixed)
        if period is None:
            return match[0]
    value = Fraction(int(f"{whole}{fixed}{period}") - int(f"{whole}{fixed}" or "0"), 10 ** len(period) - 1)
    value /= 10 ** len(fixed)
    # An integer stays one token; 1/1 would be an expression.
    return str(value) if value.denominator == 1 else rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def _period(digits: str) -> str | None:
    """Shortest period that `digits` end with three times."""
    for length in range(1, min(len(digits) // _PERIODS, 50) + 1):
        period = digits[-length:]
        if digits.endswith(period * _PERIODS):
            return period
    return None
