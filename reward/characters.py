"""Compares texts by characters, to catch words that are glued, spelled out or endless."""

import re
from collections.abc import Sequence

from .words import fold

CHARS_A_WORD = 10
"""Largest average length of a word in an ordinary text, including its blank."""
_REPEATED = 40
"""Length of the character runs in which repetition is counted; longer than four words."""
_COPIED = 80
"""Length of the runs of letters and digits in which copying is counted; longer than eight words."""
_FEWEST = 16
"""Fewest letters of a short text for it to be compared as a whole."""
_DISGUISED = 1.5
"""Ratio of word lengths, text to expert or the reverse, from which words count as disguised."""
_MIXED = 0.25
"""Excess share of words mixing letters and digits, over the expert's, that counts as a disguise."""
# A long number may repeat its digits.
_LONG_NUMBER = re.compile(r"(\d{20})\d{1,180}(?!\d)")
_BLANKS = re.compile(r"\s+")
_DIGITS = re.compile(r"\d+")
# Digits used in place of letters; i and l are both written as 1.
_LETTER_FOR = str.maketrans("013457i", "oleastl")


def length(text: str) -> int:
    """Number of characters in `text`, with each run of blanks counted once; invisible characters count too."""
    return len(_BLANKS.sub(" ", text.strip()))


def repetition(text: str) -> float:
    """Share of the runs of 40 characters that occurred earlier in the text, in [0, 1); 0 for a shorter text."""
    plain = _LONG_NUMBER.sub(r"\1", _BLANKS.sub(" ", fold(text)))
    runs = _runs(plain, _REPEATED)
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def copied(said: Sequence[str], expert: Sequence[str]) -> float:
    """Share of `said` that occurs in `expert` regardless of word boundaries, in [0, 1]; both are lists of words.

    Letters and digits are compared. Letters alone are compared too if the words of `said` are much longer or shorter
    than the expert's. The same holds if they mix letters with digits, which may then stand for letters.
    """
    text, original = ("".join(side).replace("_", "") for side in (said, expert))
    share = _share(text, original, _COPIED)
    letters, known = _DIGITS.sub("", text), _DIGITS.sub("", original)
    if not said or len(known) < _FEWEST:
        return share
    n = min(_COPIED, max(_FEWEST, len(known) // 2))
    if _mixed(said) > _mixed(expert) + _MIXED:
        share = max(share, _share(text.translate(_LETTER_FOR), original.translate(_LETTER_FOR), n))
    elif len(letters) < _FEWEST or 1 / _DISGUISED < _length_ratio(letters, said, known, expert) < _DISGUISED:
        return share
    return max(share, _share(letters, known, n))


def _share(said: str, expert: str, n: int) -> float:
    runs = _runs(said, n)
    if not runs or len(expert) < n:
        return float(said == expert and len(said) >= _FEWEST)
    known = set(_runs(expert, n))
    return sum(run in known for run in runs) / len(runs)


def _letters_per_word(letters: str, words: Sequence[str]) -> float:
    """Letters per word, ignoring words made of digits alone."""
    return len(letters) / sum(not word.isdecimal() for word in words)


def _length_ratio(letters: str, said: Sequence[str], known: str, expert: Sequence[str]) -> float:
    return _letters_per_word(letters, said) / _letters_per_word(known, expert)


def _mixed(words: Sequence[str]) -> float:
    """Share of words that hold both letters and digits."""
    mixed = sum(not word.isalpha() and not word.isdecimal() for word in words)
    return mixed / len(words)


def _runs(text: str, n: int) -> list[str]:
    return [text[start : start + n] for start in range(len(text) - n + 1)]
