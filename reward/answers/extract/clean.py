"""Removes delimiters, punctuation and blanks around an answer."""

import re

MAX_PEELED_CHARS = 20_000
_DELIMITERS = (
    ("***", "***"),
    ("**", "**"),
    ("__", "__"),
    ("$$", "$$"),
    ("$", "$"),
    (r"\(", r"\)"),
    (r"\[", r"\]"),
    ("`", "`"),
    ("*", "*"),
    ("_", "_"),
    ('"', '"'),
    (r"\"", r"\""),
    ("“", "”"),
)
_FIRST = frozenset(opening[0] for opening, _ in _DELIMITERS)
_LAST = frozenset(closing[-1] for _, closing in _DELIMITERS)
_END_TOKEN = re.compile(r"(?:<\|[^<>|\s]{1,40}\|>|</?s>|<eos>|<end_of_turn>)\Z")
_END_TOKEN_CHARS = 50
_EXCLAIMED_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}!+\Z")


def clean_answer(text: str) -> str:
    """Strip outer blanks, math or bold delimiters around the whole text, and closing punctuation.

    An ellipsis and a factorial stay. The function is idempotent. Texts above 20,000 characters lose only their outer
    blanks, because peeling delimiters off them would take quadratic time.
    """
    text = _strip(without_end_tokens(text))
    if len(text) > MAX_PEELED_CHARS:
        return text
    while True:
        peeled = _peel(_drop_punctuation(without_end_tokens(text)))
        if peeled == text:
            return text
        text = peeled


def without_end_tokens(text: str) -> str:
    """Strip a tokenizer's special tokens (`<|im_end|>`, `</s>`) and blanks from the end of `text`."""
    end = len(text)
    while True:
        while end and text[end - 1].isspace():
            end -= 1
        token = (
            _END_TOKEN.search(text, max(0, end - _END_TOKEN_CHARS), end)
            if text[end - 1 : end] == ">"
            else None
        )
        if token is None:
            return text[:end]
        end = token.start()


def _strip(text: str) -> str:
    text = text.strip()
    end = len(text)
    # The blank of a closing "\ " was stripped; without it the backslash would escape the next character.
    while end and text[end - 1] == "\\" and _count_backslashes(text, end) % 2:
        end -= 1
        while end and text[end - 1].isspace():
            end -= 1
    return text[:end]


def _count_backslashes(text: str, end: int) -> int:
    """Number of backslashes right before `end`."""
    start = end
    while start and text[start - 1] == "\\":
        start -= 1
    return end - start


def _drop_punctuation(text: str) -> str:
    before_last = text[-2:-1]
    if (
        before_last != "\\"
        and text.endswith((".", ",", ";", ":"))
        and not (text.endswith("..") or (text.endswith(":") and before_last in ".:"))
    ):
        return _strip(text[:-1])
    return _strip(text.rstrip("!")) if text.endswith("!") and _EXCLAIMED_WORD.search(text[-60:]) else text


def _peel(text: str) -> str:
    if text[:1] not in _FIRST or text[-1:] not in _LAST:
        return text
    for opening, closing in _DELIMITERS:
        inner = text[len(opening) : -len(closing)]
        if (
            text.startswith(opening)
            and text.endswith(closing)
            and inner.strip()
            and len(text) >= len(opening) + len(closing)
            and opening not in inner
            and closing not in inner
            and not inner.endswith("\\")
        ):
            return _strip(inner)
    return text
