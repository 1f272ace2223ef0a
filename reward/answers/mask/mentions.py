"""Finds the places at which a text mentions an answer: numbers by value, other answers literally."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from reward.answers.compare import exact
from reward.answers.compare.rational import TooLarge
from reward.answers.extract.clean import clean_answer
from reward.answers.extract.lenient import NUMBER
from reward.answers.math.numbers import number_prefix, read_number
from reward.answers.math.tree import Num
from reward.types import Verdict

Span = tuple[int, int]
"""First position and the position after the last."""

_SIGN = re.compile(r"[-+−]\s?")
_CURRENCY = re.compile(r"(?:\\?\$|[€£¥])\s?")
_PERCENT = re.compile(r"\s?\\?%\Z")
_MINUS = re.compile(r"(?:[\d)\]}%]\s{0,3}|\w)[-+−]\s?|\w\s{1,3}[-+−]\s")
_WORD = re.compile(r"(?<![A-Za-z])[A-Za-z]+")
_FRACTION = re.compile(r"/|\\[dt]?frac")
_PRONOUN = "one"
_MAX_WORDS_CHARS = 200
_MAX_NUMBER_CHARS = 200
_MAX_FORM_CHARS = 1000
_SHORTEST_WORD = 4


class Mentions:
    """Finder of the mentions of one answer."""

    def __init__(self, answer: str, forms: set[str], *, ignores_case: bool) -> None:
        """`forms` are texts that state the answer; numbers and short words are not looked for literally."""
        self.answer = answer
        self._number = _value(answer)
        cleaned = sorted({clean_answer(form) for form in forms}, key=len, reverse=True)
        literal = [_pattern(form) for form in cleaned if _is_distinct(form)]
        self._literal = re.compile("|".join(literal), re.IGNORECASE if ignores_case else 0)
        self._has_literal = bool(literal)
        self._is_answer = lru_cache(maxsize=4096)(self._compare)

    def find(self, text: str) -> list[Span]:
        """Find all mentions, in order and without overlaps."""
        found = sorted([*self._literals(text), *self._numbers(text), *self._words(text)])
        kept: list[Span] = []
        for start, end in found:
            if kept and start < kept[-1][1]:
                kept[-1] = kept[-1][0], max(end, kept[-1][1])
            else:
                kept.append((start, end))
        return kept

    def _literals(self, text: str) -> Iterator[Span]:
        return (match.span() for match in self._literal.finditer(text)) if self._has_literal else iter(())

    def _numbers(self, text: str) -> Iterator[Span]:
        for match in NUMBER.finditer(text):
            start, end = match.span()
            sign = _SIGN.match(text, start, end)
            if sign and any(_MINUS.fullmatch(text, at, sign.end()) for at in range(max(0, start - 4), start)):
                start = sign.end()
            # A fraction in prose is more often a step, "10/5 = 2", than an answer in other digits.
            if not _FRACTION.search(match[0]) and self._is_answer(text[start:end].strip()):
                yield _bare(text, start, end)

    def _words(self, text: str) -> Iterator[Span]:
        end = 0
        for word in _WORD.finditer(text):
            if word.start() < end or not _begins_number(word[0].lower()):
                continue
            prefix = number_prefix(text[word.start() : word.start() + _MAX_WORDS_CHARS])
            if prefix is None:
                continue
            end = word.start() + prefix[1]
            # As a word, "one" is a pronoun more often than an answer.
            if text[word.start() : end].lower() != _PRONOUN and self._is_answer(str(prefix[0].value)):
                yield word.start(), end

    def _compare(self, text: str) -> bool:
        number = _value(text)
        if number and self._number:
            return number.value == self._number.value
        is_short = len(text) <= _MAX_NUMBER_CHARS
        return exact.decide(self.answer, text) is Verdict.EQUAL if is_short else self.answer == text


def _value(text: str) -> Num | None:
    try:
        return read_number(text) if len(text) <= _MAX_NUMBER_CHARS else None
    except TooLarge:
        return None


def _bare(text: str, start: int, end: int) -> Span:
    """Span of a number without the signs for money and percent around it."""
    if currency := _CURRENCY.match(text, start, end):
        start = currency.end()
    percent = _PERCENT.search(text[start:end])
    return start, start + percent.start() if percent else end


@lru_cache(maxsize=4096)
def _begins_number(word: str) -> bool:
    return word != "a" and read_number(word) is not None


def _is_distinct(form: str) -> bool:
    """Whether a form found literally is a mention: not a number, and no word as common as "no"."""
    if len(form) > _MAX_FORM_CHARS or (len(form) < 2 and not _is_unspaced(form)):
        return False
    if form.isascii() and form.isalpha() and len(form) < _SHORTEST_WORD:
        return False
    return bool(_FRACTION.search(form)) or not NUMBER.fullmatch(form)


def _pattern(form: str) -> str:
    spaced = r"\s+".join(map(re.escape, form.split()))
    return spaced if _is_unspaced(form) else rf"(?<!\w){spaced}(?!\w)"


def _is_unspaced(form: str) -> bool:
    """Whether a form is of a script without spaces between words."""
    return any(unicodedata.east_asian_width(character) in "WF" for character in form)
