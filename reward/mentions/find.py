"""Finds what a text mentions: numbers, names and terms, with their places."""

import re
from collections.abc import Hashable, Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from reward.words import UNSPACED, fold

from .common_words import COMMON
from .quantities import QUANTITY, is_number, of_digits, of_words
from .stems import stem

Kind = Literal["number", "name", "term"]

_LETTER = rf"[^\W\d_¼-¾⅐-⅞{UNSPACED}]"
# Marks on letters and invisible characters inside a word.
_MARKS = "[\u00ad\u0300-\u036f\u200b-\u200d\u2060]{1,3}"
_WORD = rf"{_LETTER}[^\W_{UNSPACED}]*(?:{_MARKS}[^\W_{UNSPACED}]*)*"
_TOKEN = re.compile(
    rf"(?P<label>[Ss]tep \d{{1,3}}\b)|(?P<link>https?:\S+)|(?P<word>{_WORD})|{QUANTITY}|(?P<command>\\[A-Za-z]{{1,30}})"
)
_SKIPPED = ("label", "link", "command")
_LABEL_END = re.compile(r"[.):][\s*]")
_SENTENCE_END = re.compile('[.!?:;=•*#|"“«(。！？：\n]')
_TITLES = frozenset(("mr", "mrs", "ms", "dr", "prof", "st"))


class Mention(NamedTuple):
    """A number, name or term in a text, from `start` to `end`.

    Two mentions mean the same if they share a key: the value of a number, the stem of a word. `parts` are keys of what
    the text mentions with it, for example the operands of 12/2; without keys a mention is nothing but its parts.
    """

    kind: Kind
    keys: tuple[Hashable, ...]
    parts: tuple[Hashable, ...]
    start: int
    end: int


def mentions(text: str) -> Iterator[Mention]:
    """Find the mentions of a text, in order, in time linear in its length.

    - A number is one in digits or in English words. Labels of lists and steps are none.
    - A name has a capital letter inside a word, or at its beginning inside a sentence.
    - A term is any other word of two letters or more.

    Common words are neither name nor term, and links and LaTeX commands are left out. In scripts without spaces, only
    numbers and words of other scripts are found.
    """
    end, before = 0, ""
    for match in _TOKEN.finditer(text):
        start, last = match.start(), end
        if start < end:  # The words of a number are read together.
            continue
        token, group, end = match[0], match.lastgroup, match.end()
        if group == "word":
            mention = _of_word(text, token, start, last, before)
            if mention:
                end = mention.end
                yield mention
        elif group not in _SKIPPED and not _is_label(text, last, start, end):
            number = of_digits(token)
            yield Mention("number", number.readings, number.parts, start, end)
        before = token


def _of_word(text: str, word: str, start: int, last: int, before: str) -> Mention | None:
    """Return what the word at `start` mentions; the token `before` it ends at `last`."""
    kind, key = _kind_and_stem(word)
    if kind is None:
        return None
    if kind == "number":
        number, end = of_words(text, start)
        return Mention(kind, number.readings, number.parts, start, end)
    if kind == "capitalised":
        kind = "term" if _starts_sentence(text[last:start], before) else "name"
    return Mention(kind, (key,), (), start, start + len(word))


def _starts_sentence(gap: str, before: str) -> bool:
    if not before:
        return True
    return gap != " " and bool(_SENTENCE_END.search(gap)) and not (gap == ". " and before.lower() in _TITLES)


def _is_label(text: str, last: int, start: int, end: int) -> bool:
    """Tell whether a number counts the items of a list: it begins its line, and a dot or bracket follows."""
    if not _LABEL_END.match(text, end):
        return False
    _, newline, line = text[last:start].rpartition("\n")
    return not line.strip(" \t*#(>-") and (bool(newline) or last == 0)


@lru_cache(maxsize=1 << 14)
def _kind_and_stem(word: str) -> tuple[Kind | Literal["capitalised"] | None, str]:
    """Return the kind that a word has wherever it stands, and its stem; the kind is None for a common word."""
    folded = fold(word)
    key = stem(folded)
    if is_number(folded):
        return "number", key
    if key in COMMON or len(word) < 2:
        return None, key
    if any(letter.isupper() for letter in word[1:]):
        return "name", key
    return ("capitalised" if word[0].isupper() else "term"), key
