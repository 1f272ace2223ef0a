"""Recognises the unit that a phrase names after a number."""

import re

from .count_nouns import counts, foreign_unit, is_fraction, without_comparison
from .numbers import number_prefix
from .prose import is_mathematical
from .units import PERCENT, Unit, is_known, read_unit, singular

MAX_UNIT_WORDS = 4
_CONNECTIVE_WORDS = (
    "or and to but not than plus minus times over is are was equal equals more less fewer about at least "
    "most approximately approx roughly nearly almost around between from if when then so because since "
    "which where mod modulo choose divided by no none never nor either neither without except only until "
    "up under above below greater smaller unknown undefined wrong instead for factorial negative positive "
    "power root inverse reciprocal complement repeating recurring zero hundred thousand twice double"
)
_CONNECTIVES = frozenset(_CONNECTIVE_WORDS.split())
_UNIT_CHARACTERS = re.compile(r"[^\W\d_]|[-' /*^{}.°%$€£¥₹()0-9]")
WORD = re.compile(r"(?<![\\A-Za-z])[^\W\d_]+(?:['-][^\W\d_]+)*")
"""Pattern of a word, which may hold apostrophes and hyphens but is no LaTeX command."""
_POWER_OF_METRES = re.compile(r"m ?\^ ?(?:\{ ?[23] ?\}|[23])")


def unit_of(text: str, is_spaced: bool) -> Unit | None:
    """Unit that `text` names after a number; without a blank in between it must be a known one of two letters."""
    phrase = text.strip().rstrip(".").replace("s' ", "s ")
    words = WORD.findall(phrase)
    if not phrase or len(words) > MAX_UNIT_WORDS or len(phrase) > 80:
        return None
    if phrase in ("percent", "per cent", "percents", "percentage", "pct", "%"):
        return PERCENT
    if foreign := foreign_unit(phrase):
        return read_unit(foreign)
    if any(map(_is_no_unit, without_comparison(words))) or is_fraction(words):
        return None
    if not all(_UNIT_CHARACTERS.fullmatch(character) for character in phrase):
        return None
    if words and not _names_unit(phrase, words, is_spaced):
        return None
    return read_unit(phrase) if words or phrase[0] in "°$€£¥₹" else None


def _is_no_unit(word: str) -> bool:
    """Whether a word or a part of it ("half-hours") cannot be a unit: "fives", "roots", "or"."""
    is_function = is_mathematical(word) and word != "sec"
    parts = {part for whole in word.lower().split("-") for part in (whole, singular(whole))}
    is_part = "-" in word and is_fraction(word.split("-"))
    return is_function or is_part or not parts.isdisjoint(_CONNECTIVES) or any(map(number_prefix, parts))


def _names_unit(phrase: str, words: list[str], is_spaced: bool) -> bool:
    first = words[0]
    if phrase[0] in "°$€£¥₹/":
        return True
    if not phrase.startswith(first):
        return False
    if not is_spaced:
        return is_known(first) and (len(first) > 1 or _POWER_OF_METRES.fullmatch(phrase) is not None)
    # "18 dollars a day"
    named = [
        word
        for place, word in enumerate(words)
        if word not in ("of", "per") and not (place and word in ("a", "an"))
    ]
    return counts(named) and all(is_known(word) or len(word) > 2 or word in ("sq", "cu") for word in named)
