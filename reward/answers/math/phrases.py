"""Reads phrases that name a set: all real numbers, no solution."""

import re

from reward.answers.compare.real_sets import LINE

from .forms import Collection, Form, Value

_ALL_REAL = re.compile(
    r"\\mathbb ?(?:\{ ?R ?\}|R)|(?:the )?(?:set of )?(?:all|any|every) reals?(?: numbers?)?"
    r"|(?:the )?(?:set of )?real numbers",
    re.IGNORECASE,
)
_ALL_INTEGERS = re.compile(
    r"(?:the )?(?:set of )?(?:all|any|every) integers?|the set of integers", re.IGNORECASE
)
_NOTHING = re.compile(
    r"\\emptyset|(?:the |an )?(?:empty|null) set|no solutions?(?: exists?)?"
    r"|(?:the |this )?(?:equation|system|inequality) has no solutions?",
    re.IGNORECASE,
)


def read_phrase(text: str) -> Form | None:
    """Set that `text` names; None if it is no such phrase."""
    if len(text) > 50:
        return None
    if _ALL_REAL.fullmatch(text):
        return LINE
    if _ALL_INTEGERS.fullmatch(text):
        return Value(r"\mathbb{Z}")
    return Collection("set", ()) if _NOTHING.fullmatch(text) else None
