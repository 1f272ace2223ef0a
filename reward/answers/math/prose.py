"""Tells prose from algebra."""

import re

from .expression import FUNCTIONS

_TWO_LETTER_WORDS = "no on of or in it is am an at as up us we me he go do so to if my by be pm ok hi"
_SHORT_WORDS = frozenset(_TWO_LETTER_WORDS.split())
_PROSE = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,} +[A-Za-z]{2,}")
_WORDS_ALONE = re.compile(r"[^\W\d_]+(?:[ '.,!?-]+[^\W\d_]+)*[.!?]*")
_SPACED_NUMBERS = re.compile(r"(?<![\d._^])\d[\d.]* +\d")


def is_prose(text: str) -> bool:
    """Whether `text` holds words that no expression has."""
    if _WORDS_ALONE.fullmatch(text):
        # A hyphen between letters may be a minus: x-y, ad-bc.
        words = [word for word in re.split(r"[ '.,!?-]+", text) if word and not is_mathematical(word)]
        return any(len(word) > 2 or not word.isascii() or word.lower() in _SHORT_WORDS for word in words)
    pairs = (pair[0].split() for pair in _PROSE.finditer(text))
    if any(not any(is_mathematical(word) for word in pair) for pair in pairs):
        return True
    if "$" in text or ("\\" not in text and _SPACED_NUMBERS.search(text)):
        return True
    return any(len(word) > 2 and not is_mathematical(word) for word in _lone_words(text))


def _lone_words(text: str) -> list[str]:
    """Words separated by blanks, if the text has no operators."""
    return [] if re.search(r"[+*/^=\\_(]", text) else [word for word in text.split() if word.isalpha()]


def is_mathematical(word: str) -> bool:
    """Whether `word` names a function or a constant."""
    return word.lower() in FUNCTIONS or word in ("pi", "theta")
