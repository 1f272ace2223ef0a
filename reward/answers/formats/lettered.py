"""Splits answers that name a letter of multiple choice before the value, as in `\\textbf{(C)}\\ 12`."""

import re

from reward.answers.extract.clean import clean_answer
from reward.answers.math.normalise import normalise
from reward.types import Verdict

_FONT = r"\\(?:text|textbf|textrm|mathrm|mathbf|bf)"
_BLANK = r"(?:\s|~|\\[ ,;:!]|\\q?quad(?![A-Za-z]))"
_NUMBER = rf"(?:{_BLANK}|\}})*(?=-?\.?\d|-?\\[dt]?frac(?![A-Za-z])|-?\\sqrt(?![A-Za-z])|\\?\$)"
_LETTERED = re.compile(
    # A letter without brackets may be an initial or a variable; it marks a choice only if set apart before a number.
    rf"(?:{_FONT}\s*\{{\s*)?(?:\(\s*[A-J]\s*\)(?:{_BLANK}|\}})+|[A-J]\s*[.)](?:{_BLANK}|\}}){_NUMBER})"
    rf"|{_FONT}\s*\{{\s*[A-J]\s*\}}{_NUMBER}",
)
_LETTER = re.compile(r"[A-J]")
# Text that continues with an operator or a connective, or names another letter, is not the value of one choice.
_NO_VALUE = re.compile(
    r"[*/^_+=<>)\]}&|,;!']|- |\\(?:cup|cap|in|pm|mp|to|leq|geq|neq)(?![A-Za-z])"
    r"|(?:and|or|nor|not|is|was|but|if|to|through|with|wrong|incorrect)(?![a-z])|.*\([A-J]\)",
    re.IGNORECASE | re.DOTALL,
)
_BARE = re.compile(r"\(?\s?([A-J])\s?\)?")


def without_letters(gold: str, answer: str) -> tuple[str, str] | Verdict:
    """Drop the letters before the values of two answers, or return the verdict if the letters decide.

    If both have a letter, they must agree in letter and value. A letter alone is compared with the other's letter.
    """
    one, other = _split(gold), _split(answer)
    if one and other:
        return (one[1], other[1]) if one[0] == other[0] else Verdict.DIFFERENT
    if one:
        return _against(one, answer) or (one[1], answer)
    if other:
        return _against(other, gold) or (gold, other[1])
    return gold, answer


def _split(text: str) -> tuple[str, str] | None:
    text = clean_answer(text)
    lettered = _LETTERED.match(text)
    if lettered is None:
        return None
    value, letter = text[lettered.end() :].strip(), _LETTER.search(lettered[0])
    # A font that includes the value ends after it: \text{(C) 12}.
    if lettered[0].count("{") > lettered[0].count("}"):
        if not value.endswith("}") or value.count("{") != value.count("}") - 1:
            return None
        value = value[:-1].strip()
    if letter is None or not value or _NO_VALUE.match(normalise(value)):
        return None
    return letter[0], value


def _against(lettered: tuple[str, str], other: str) -> Verdict | None:
    bare = _BARE.fullmatch(normalise(other))
    if bare is None:
        return None
    return Verdict.EQUAL if bare[1] == lettered[0] else Verdict.DIFFERENT
