"""Texts as sequences of characters, for what words do not show: words that are glued, spelled out or endless."""

import re
from collections.abc import Sequence

from .words import fold

CHARS_A_WORD = 10
"""Most characters that a word of an ordinary text has on average, its blank included."""
_REPEATED = 40
"""Length of the runs of characters whose repetition counts: longer than four words."""
_COPIED = 80
"""Length of the runs of letters and digits whose copying counts: longer than eight words."""
_FEWEST = 16
"""Fewest letters of a short text that is compared as a whole."""
_DISGUISED = 1.5
"""How many times as long, or as short, as the expert's words those of a text are if they are disguised."""
_MIXED = 0.25
"""By how much larger a share of words with letters and digits is a disguise."""
# A long number may repeat its digits.
_LONG_NUMBER = re.compile(r"(\d{20})\d{1,180}(?!\d)")
_BLANKS = re.compile(r"\s+")
_DIGITS = re.compile(r"\d+")
# Digits that are written for letters; i and l are both written as 1.
_LETTER_FOR = str.maketrans("013457i", "oleastl")


def length(text: str) -> int:
    """How many characters `text` has, each run of blanks counted once and invisible ones too."""
    return len(_BLANKS.sub(" ", text.strip()))


def repetition(text: str) -> float:
    """The share of the runs of 40 characters that occurred before, in [0, 1); 0 for a shorter text."""
    plain = _LONG_NUMBER.sub(r"\1", _BLANKS.sub(" ", fold(text)))
    runs = _runs(plain, _REPEATED)
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def copied(said: Sequence[str], expert: Sequence[str]) -> float:
    """The share of `said` that stands in `expert` however its words are cut; both are lists of words. In [0, 1].

    Letters and digits count. Letters alone count as well if the words of `said` are longer or shorter than an expert's
    are, or mix letters with digits, which may then stand for letters.
    """
    text, original = ("".join(side).replace("_", "") for side in (said, expert))
    share = _share(text, original, _COPIED)
    letters, known = _DIGITS.sub("", text), _DIGITS.sub("", original)
    if not said or len(known) < _FEWEST:
        return share
    n = min(_COPIED, max(_FEWEST, len(known) // 2))
    if _mixed(said) > _mixed(expert) + _MIXED:
        share = max(share, _share(text.translate(_LETTER_FOR), original.translate(_LETTER_FOR), n))
    elif len(letters) < _FEWEST or 1 / _DISGUISED < _cut(letters, said) / _cut(known, expert) < _DISGUISED:
        return share
    return max(share, _share(letters, known, n))


def _share(said: str, expert: str, n: int) -> float:
    runs = _runs(said, n)
    if not runs or len(expert) < n:
        return float(said == expert and len(said) >= _FEWEST)
    known = set(_runs(expert, n))
    return sum(run in known for run in runs) / len(runs)


def _cut(letters: str, words: Sequence[str]) -> float:
    """Letters a word, words of digits alone left out."""
    return len(letters) / sum(not word.isdecimal() for word in words)


def _mixed(words: Sequence[str]) -> float:
    """The share of words with letters and digits."""
    mixed = sum(not word.isalpha() and not word.isdecimal() for word in words)
    return mixed / len(words)


def _runs(text: str, n: int) -> list[str]:
    return [text[start : start + n] for start in range(len(text) - n + 1)]
