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

    Letters and digits count, and letters alone if the words of `said` are longer or shorter than an expert's are.
    """
    text, original = ("".join(side).replace("_", "") for side in (said, expert))
    share = _share(text, original, _COPIED)
    letters, known = _DIGITS.sub("", text), _DIGITS.sub("", original)
    if not said or len(known) < _FEWEST:
        return share
    ratio = (len(letters) / max(_lettered(said), 1)) / (len(known) / _lettered(expert))
    is_disguised = not 1 / _DISGUISED < ratio < _DISGUISED or _mixed(said) > _mixed(expert) + 0.25
    if not is_disguised:
        return share
    n = min(_COPIED, max(_FEWEST, len(known) // 2))
    by_letters = _share(letters, known, n)
    return max(share, by_letters, _share(text.translate(_LETTER_FOR), original.translate(_LETTER_FOR), n))


def _share(said: str, expert: str, n: int) -> float:
    runs = _runs(said, n)
    if not runs or len(expert) < n:
        return float(said == expert and len(said) >= _FEWEST)
    known = set(_runs(expert, n))
    return sum(run in known for run in runs) / len(runs)


def _lettered(words: Sequence[str]) -> int:
    """How many words are not digits alone."""
    return sum(not word.isdecimal() for word in words)


def _mixed(words: Sequence[str]) -> float:
    """The share of words with letters and digits."""
    mixed = sum(not word.isalpha() and not word.isdecimal() for word in words)
    return mixed / len(words)


def _runs(text: str, n: int) -> list[str]:
    return [text[start : start + n] for start in range(len(text) - n + 1)]
