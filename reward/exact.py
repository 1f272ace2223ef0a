"""Decides the equivalence of simple answers without a parser: numbers, letters, words, equal text.

Everything here is linear in the length of its input, so it runs in the caller's process.
"""

import re
from fractions import Fraction

from reward.extract import clean_answer
from reward.types import Verdict

_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)"
_NUMBER = re.compile(rf"(?P<sign>[+-]?)\s*(?:\\?\$)?\s*(?P<value>{_DIGITS}(?:\.[0-9]*)?|\.[0-9]+)")
_FRACTION = re.compile(
    r"(?P<sign>[+-]?)\s*(?:(?P<whole>[0-9]+)(?:\s+|\s*(?=\\)))?"
    r"(?:(?P<over>[0-9]+)\s*/\s*(?P<under>[0-9]+)"
    r"|\\[dt]?frac\s*\{\s*(?P<latex_over>[0-9]+)\s*\}\s*\{\s*(?P<latex_under>[0-9]+)\s*\})"
)
_TEXT_WRAPPER = re.compile(r"\\(?:text|textbf|textit|mathrm|mbox)\s*\{([^{}\\]*)\}")
_WORDS = re.compile(r"[^\W\d_]+(?:[\s'-]+[^\W\d_]+)*")
_LONG_WORD = re.compile(r"[^\W\d_]{3,}")
_LETTER = re.compile(r"\(?([A-Za-z])\)?")


def decide(gold: str, answer: str) -> Verdict | None:
    """The verdict on a pair that needs no parser, or None where it does; symmetric.

    Two plain numbers (sign, currency sign, thousands separators, decimals, fractions, mixed numbers) are
    compared as exact rationals, so 0.5 equals 1/2 and 0.33 differs from 1/3. Two single letters are compared
    exactly. Words of three letters or more are text, compared whole, whatever their case: parsed as algebra,
    anagrams would be equal products.
    """
    left, right = _normalise(gold), _normalise(answer)
    if not left or not right:
        return Verdict.DIFFERENT
    if left == right:
        return Verdict.EQUAL
    numbers = plain_number(left), plain_number(right)
    if None not in numbers:
        return _verdict(numbers[0] == numbers[1])
    letters = _LETTER.fullmatch(left), _LETTER.fullmatch(right)
    if letters[0] and letters[1]:
        return _verdict(letters[0][1] == letters[1][1])
    if _is_text(left) or _is_text(right):
        return _verdict(left.casefold() == right.casefold())
    return None


def plain_number(text: str) -> Fraction | None:
    """The exact value of a text (at most 4000 characters) that is nothing but a number, else None."""
    number = _NUMBER.fullmatch(text)
    if number:
        magnitude = Fraction(number["value"].replace(",", ""))
    else:
        fraction = _FRACTION.fullmatch(text)
        if not fraction:
            return None
        under = int(fraction["under"] or fraction["latex_under"])
        if under == 0:
            return None
        magnitude = int(fraction["whole"] or 0) + Fraction(
            int(fraction["over"] or fraction["latex_over"]), under
        )
        number = fraction
    return -magnitude if number["sign"] == "-" else magnitude


def _normalise(text: str) -> str:
    text = clean_answer(text).replace("−", "-").replace("{,}", ",")
    text = _TEXT_WRAPPER.sub(r"\1", text) if _TEXT_WRAPPER.fullmatch(text) else text
    return re.sub(r"\s+", " ", text).strip()


def _is_text(text: str) -> bool:
    return bool(_WORDS.fullmatch(text) and _LONG_WORD.search(text))


def _verdict(equal: bool) -> Verdict:
    return Verdict.EQUAL if equal else Verdict.DIFFERENT
