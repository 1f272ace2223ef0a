"""Reads the numbers that a running text mentions, by value."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from reward.answers.math.numbers import PART_NAMES, SCALES, SMALL, TENS, number_prefix
from reward.words import fold

from .stems import stem

# All repeats are bounded, so hostile digits and separators take linear time. A number of more digits is none.
_GROUPED = (
    r"\d{1,3}(?:,\d{3}){1,9}|\d{1,3}(?:['’\u00a0\u202f]\d{3}){1,9}|\d{1,2}(?:,\d\d){1,4},\d{3}|\d{1,30}"
)
# A decimal comma, unless the number stands in a list such as "(3,5)" or "1,2,3".
_EUROPEAN = r"\d{1,3}(?:\.\d{3}){1,9},\d{1,9}|(?<![(\[{])(?<!\d,)\d{1,30},\d{1,2}(?![\d,])"
_NUMBER = rf"(?<!\d)(?:{_EUROPEAN}|(?:{_GROUPED})(?!\d)(?:\.\d{{1,30}})?|\.\d{{1,30}})(?!\d)"
QUANTITY = (
    r"(?P<mixed>\d{1,4}\s\d{1,4}/\d{1,4})(?![\d/])"
    rf"|\\[dt]?frac\s?\{{\s?(?P<over>{_NUMBER})\s?\}}\s?\{{\s?(?P<under>{_NUMBER})\s?\}}"
    r"|(?P<vulgar>\d{0,9}[¼-¾⅐-⅞])"
    rf"|(?P<number>{_NUMBER})(?:\s?/\s?(?P<divisor>{_NUMBER}))?"
    r"(?:\s?(?:(?P<hundredths>\\?%|¢|per\s?cent\b|cents?\b)"
    r"|(?P<scale>(?i:hundred|thousand|million|billion|trillion|dozen))s?\b))?"
)
"""Pattern of a quantity in digits, for `of_digits`."""

_FULL = re.compile(QUANTITY)
_MULTIPLES = {"twic": 2, "doubl": 2, "pair": 2, "coupl": 2, "thric": 3, "tripl": 3, "quadrupl": 4}
_PARTS = {stem(word): parts for word, parts in {**PART_NAMES, "halve": 2}.items()}
_COUNTS = SMALL.keys() | TENS.keys() | SCALES.keys()
_NEXT = re.compile(r"[ -]([A-Za-z]{4,8})\b")
_FIRST = re.compile(r"\w+")
# Longest number in words that is read, in characters.
_WINDOW = 100

Value = int | Fraction


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in a text.

    `readings` are the values that it may have: 20 % is 20 or 1/5. They are empty if the text need not mean a number, as
    with "one" or "half". `parts` are further values that a reader finds in it: 12/2 is 6, with the parts 12 and 2.
    """

    readings: tuple[Value, ...]
    parts: tuple[Value, ...] = ()


@lru_cache(maxsize=1 << 14)
def of_digits(token: str) -> Quantity:
    """Return the quantity of a token that `QUANTITY` matches."""
    match = _FULL.fullmatch(token)
    assert match, "the token is a match of the pattern"
    if mixed := match["mixed"]:
        whole, over, under = (int(part) for part in re.findall(r"\d+", mixed))
        return _quantity([whole + Fraction(over, under or 1)], whole, over, under)
    if vulgar := match["vulgar"]:
        whole, part = int(vulgar[:-1] or 0), Fraction(unicodedata.numeric(vulgar[-1])).limit_denominator(10)
        return _quantity([whole + part], whole, part)
    readings = _values(match["over"] or match["number"])
    if divisor := match["under"] or match["divisor"]:
        over, under = readings[0], _values(divisor)[0]
        return _quantity([over / (under or 1)], over, under)
    if match["hundredths"]:
        return _quantity([*readings, readings[0] / 100])
    if scale := match["scale"]:
        return _quantity([readings[0] * SCALES[scale.lower()]], *readings)
    return _quantity(readings)


def is_number(word: str) -> bool:
    """Tell whether a folded word is a number, a part such as "half" or a multiple such as "twice"."""
    return word in _COUNTS or stem(word) in _MULTIPLES or stem(word) in _PARTS


def of_words(text: str, start: int) -> tuple[Quantity, int]:
    """Return the quantity of the words at `start`, the first of which `is_number`, and its end."""
    prefix = number_prefix(text[start : start + _WINDOW])
    if prefix is None:
        first = _FIRST.match(text, start)
        assert first, "a word begins here"
        multiple, parts = _MULTIPLES.get(stem(fold(first[0]))), _PARTS.get(stem(fold(first[0])))
        return (
            _quantity([], multiple) if multiple else _quantity([], Fraction(1, parts or 1), parts or 1)
        ), first.end()
    value, end = Fraction(prefix[0].value), start + prefix[1]
    if (part := _NEXT.match(text, end)) and (parts := _PARTS.get(stem(part[1].lower()))):
        return _quantity([value / parts], value), part.end()
    # "one" is mostly a pronoun.
    return (_quantity([], value) if text[start:end].lower() == "one" else _quantity([value])), end


def _quantity(readings: Iterable[Value], *parts: Value) -> Quantity:
    return Quantity(tuple(map(_shortest, readings)), tuple(map(_shortest, parts)))


def _shortest(value: Value) -> Value:
    """Return the same value as an integer if it is one: these are much faster as keys."""
    return value.numerator if value.denominator == 1 else value


def _values(number: str) -> list[Fraction]:
    """Return the values that digits with separators may have, the likeliest first."""
    plain = re.sub(r"['’\u00a0\u202f]", "", number)
    dots, commas = plain.count("."), plain.count(",")
    if dots and commas:
        decimal = max(".,", key=plain.rfind)
        plain = plain.replace("," if decimal == "." else ".", "").replace(",", ".")
    elif commas:
        plain = plain.replace(",", "") if len(plain.rpartition(",")[2]) == 3 else plain.replace(",", ".")
    value = Fraction(plain)
    # 1.234 is also how half of Europe writes 1,234.
    grouped = not commas and re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", plain)
    return [value, value * 1000] if grouped else [value]
