"""Finds talk about the reference or about rewriting in a text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from .phrases import PHRASES, Language
from .words import fold, words

# A phrase does not reach over the end of a clause, a paragraph or a list item.
_BREAK = re.compile(r"[.!?;:,。、]|\n[ \t\r]*\n|\n[ \t]*(?:[-*+#]|[0-9]{1,3}[.)])[ \t]")
_EMPHASIS_IN_WORD = re.compile(r"(?<=[^\W\d_])[*`]+(?=[^\W\d_])")
_FONT = re.compile(r"</?[a-z]{1,10} ?/?>|\\(?:text|emph|underline|math)[a-z]*")
# No word of any text, so that no phrase matches across it.
_STOP = " | "


@dataclass(frozen=True)
class _Pattern:
    phrase: str
    words: str
    noun: str | None


def find_leak(
    text: str, allowed: str, languages: Sequence[Language], phrases: Sequence[str] = ()
) -> str | None:
    """The first phrase of the languages' lists, or of `phrases`, that `text` holds and `allowed` does not.

    Phrases match as whole words, whatever their case, accents, markup, width or invisible characters, and
    across line breaks; where a script has no spaces, as runs of its characters. `allowed` is what the
    candidate may quote (question and gold answer); where it holds the noun of an ambiguous phrase that phrase
    is allowed too. Linear in the lengths of both.
    """
    spoken, quoted = _spaced(text), _spaced(allowed)
    for pattern in _patterns(tuple(languages), tuple(phrases)):
        is_quoted = pattern.words in quoted or (pattern.noun is not None and pattern.noun in quoted)
        if pattern.words in spoken and not is_quoted:
            return pattern.phrase
    return None


@lru_cache(maxsize=64)
def _patterns(languages: tuple[Language, ...], phrases: tuple[str, ...]) -> tuple[_Pattern, ...]:
    found = [_Pattern(phrase, _spaced(phrase), None) for phrase in phrases]
    for language in languages:
        shipped = PHRASES[language]
        found += [_Pattern(phrase, _spaced(phrase), None) for phrase in shipped.phrases]
        found += [_Pattern(phrase, _spaced(phrase), _spaced(shipped.noun)) for phrase in shipped.ambiguous]
    return tuple(found)


def _spaced(text: str) -> str:
    plain = _FONT.sub(" ", _EMPHASIS_IN_WORD.sub("", fold(text)))
    clauses = [" ".join(words(clause)) for clause in _BREAK.split(plain)]
    return f" {_STOP.join(clauses)} "
