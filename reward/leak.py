"""Finds talk about the reference or about rewriting in a text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from .phrases import PHRASES, Language
from .words import fold, words

# No phrase crosses the end of a clause, a paragraph or a list item.
_BREAK = re.compile(r"[.!?;:,。、]|\n[ \t\r]*\n|\n[ \t]*(?:[-*+#]|[0-9]{1,3}[.)])[ \t]")
_EMPHASIS_IN_WORD = re.compile(r"(?<=[^\W\d_])[*`]+(?=[^\W\d_])")
_FONT = re.compile(r"</?[a-z]{1,10} ?/?>|\\(?:text|emph|underline|math)[a-z]*")
# Not a word of any text, which keeps phrases from matching across it.
_STOP = " | "
# A letter alone and the characters up to the next one, as in words that are spelled out.
_SPELLED = re.compile(r"(?<![^\W_])([^\W\d_])[\W_]{1,3}(?=[^\W\d_](?![^\W_]))")
_DIGITS_IN_WORD = re.compile(r"(?<=[^\W\d_])\d+(?=[^\W\d_])")
_SIGN_IN_WORD = re.compile(r"(?<=[a-z0-9])[@$|!](?=[a-z0-9])")
_MIXED_WORD = re.compile(r"(?=[a-z]*[0-9])(?=[0-9]*[a-z])[a-z0-9]+")
_LETTER_FOR = str.maketrans("013457@$|!i", "oleastaslll")
_SHORTEST_GLUED = 10
"""Fewest letters of a phrase that is recognised regardless of word boundaries."""


@dataclass(frozen=True)
class _Pattern:
    phrase: str
    noun: str | None = None

    @cached_property
    def words(self) -> str:
        return _spaced(self.phrase)

    @cached_property
    def disguised(self) -> re.Pattern[str] | None:
        """Pattern of the phrase with any word boundaries, or inside a longer word; None for single and short words."""
        parts = self.words.translate(_LETTER_FOR).split()
        if len(parts) < 2 or len(self.letters) < _SHORTEST_GLUED:
            return None
        cut_anywhere = rf" {' ?'.join(self.letters)} |" if min(map(len, parts)) > 1 else ""
        return re.compile(f"{cut_anywhere}{self.letters}")

    @cached_property
    def letters(self) -> str:
        """Letters of the phrase, without blanks."""
        return self.words.translate(_LETTER_FOR).replace(" ", "")


class _SearchText:
    """A text in the spellings in which phrases are searched."""

    def __init__(self, text: str) -> None:
        plain = fold(text)
        self.words = _spaced(plain)
        signs = _SIGN_IN_WORD.sub(_letters, plain)
        readings = (
            plain.replace("_", " "),
            _SPELLED.sub(r"\1", plain),
            _DIGITS_IN_WORD.sub("", plain),
            _MIXED_WORD.sub(_letters, signs),
        )
        others = [_spaced(reading) for reading in dict.fromkeys(readings) if reading != plain]
        self.disguised = _STOP.join([self.words, *others]).translate(_LETTER_FOR)
        self.letters = self.disguised.replace(" ", "")

    def holds(self, pattern: _Pattern) -> bool:
        """Whether the phrase occurs in the text, disguised or not."""
        if pattern.words in self.words:
            return True
        if pattern.disguised is None or pattern.letters not in self.letters:
            return False
        return pattern.disguised.search(self.disguised) is not None


def find_leak(
    text: str, allowed: str, languages: Sequence[Language], phrases: Sequence[str] = ()
) -> str | None:
    """Find the first phrase of `phrases` or the languages' lists that `text` holds and `allowed` does not.

    Phrases match as whole words and across line breaks, ignoring case, accents, markup, width and invisible characters.
    In scripts without spaces they match as runs of characters. Words that are glued, spelled out or written with digits
    for letters match too. `allowed` is the text that the candidate may quote (question and gold answer). If it holds
    the noun of an ambiguous phrase, that phrase is allowed too. The time is linear in the lengths of both.
    """
    searched, quoted = _search_text(text), _search_text(allowed)
    for pattern in _patterns(tuple(languages), tuple(phrases)):
        is_ambiguous = pattern.noun is not None and pattern.noun in quoted.words
        if not is_ambiguous and searched.holds(pattern) and not quoted.holds(pattern):
            return pattern.phrase
    return None


_search_text = lru_cache(maxsize=16)(_SearchText)


@lru_cache(maxsize=64)
def _patterns(languages: tuple[Language, ...], phrases: tuple[str, ...]) -> tuple[_Pattern, ...]:
    patterns = [_Pattern(phrase) for phrase in phrases]
    for language in languages:
        shipped = PHRASES[language]
        patterns += [_Pattern(phrase) for phrase in shipped.phrases]
        patterns += [_Pattern(phrase, _spaced(shipped.noun)) for phrase in shipped.ambiguous]
    return tuple(patterns)


def _letters(word: re.Match[str]) -> str:
    return word[0].translate(_LETTER_FOR)


def _spaced(text: str) -> str:
    plain = _FONT.sub(" ", _EMPHASIS_IN_WORD.sub("", fold(text)))
    clauses = [" ".join(words(clause)) for clause in _BREAK.split(plain)]
    return f" {_STOP.join(clauses)} "
