"""Splits texts into words, the unit of overlap, repetition, leak phrases and diversity."""

import re
import unicodedata
from functools import lru_cache

from .lookalikes import LATIN

UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
"""Ranges of the scripts written without spaces, for a class in a pattern; each character counts as a word."""
# Underscores inside a word make it an identifier; at its ends they are emphasis.
_WORD = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+(?:_+[^\W_{UNSPACED}]+)*")
_MARKS = frozenset(("Mn", "Me", "Cf"))
# Letters that fonts show as blank.
_FILLERS = "\u115f\u1160\u17b4\u17b5\u3164\uffa0"
MOST_PARTS = 4
"""Most words that underscores may join into one, as in an identifier."""

Gram = tuple[str, ...]


def words(text: str) -> list[str]:
    """Words of `text` in order, ignoring case, accents, width, punctuation and invisible characters.

    Digits count as words. A character of a script without spaces is a word of its own. More than `MOST_PARTS` words
    joined by underscores are separate words rather than an identifier.
    """
    matches = _WORD.findall(fold(text))
    if "_" not in text:
        return matches
    return [part for word in matches for part in _parts(word)]


@lru_cache(maxsize=64)
def fold(text: str) -> str:
    """Reduce `text` to one spelling: lower case, without accents and invisible characters.

    Full-width letters, ligatures and look-alikes of other scripts become plain letters. Zero-width spaces, soft hyphens
    and direction marks are dropped. The time is linear in the length of `text`.
    """
    if text.isascii():
        return text.lower()
    # Marks are dropped before as well, because normalising sorts them in time quadratic in a run's length.
    decomposed = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    return unicodedata.normalize("NFKC", decomposed.translate(_PLAIN).casefold())


class _Plain(dict[int, int | str | None]):
    """Table for `str.translate` that maps look-alikes to Latin letters and drops marks and invisible characters."""

    def __missing__(self, code: int) -> int | str | None:
        character = chr(code)
        is_mark = unicodedata.combining(character) or unicodedata.category(character) in _MARKS
        self[code] = None if is_mark or character in _FILLERS else LATIN.get(code, code)
        return self[code]


_PLAIN = _Plain()


def _parts(word: str) -> list[str]:
    parts = [part for part in word.split("_") if part]
    return parts if len(parts) > MOST_PARTS else [word]


def ngrams(sequence: list[str], n: int) -> list[Gram]:
    """All runs of n words, in order; empty if there are fewer than n words."""
    return [tuple(sequence[start : start + n]) for start in range(len(sequence) - n + 1)]


def repetition(sequence: list[str], n: int = 4) -> float:
    """Share of the n-grams that repeat earlier ones, in [0, 1); 0 without any n-gram. Linear in the words."""
    grams = ngrams(sequence, n)
    return 1 - len(set(grams)) / len(grams) if grams else 0.0
