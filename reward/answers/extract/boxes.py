"""Finds boxed answers."""

import re

from .clean import clean_answer

_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_COMMAND = re.compile(r"\\(?:[A-Za-z]+|.)", re.DOTALL)


def has_box(text: str) -> bool:
    """Whether `text` holds a box command."""
    return _BOX.search(text) is not None


def last_box(text: str) -> str | None:
    """The cleaned content of the last outermost `\\boxed{}` or `\\fbox{}`, boxes within it unwrapped.

    Without braces the box holds the token that follows, as TeX reads it. None where there is no box, or the
    last one is empty or unclosed.
    """
    closings = _closings(text)
    content, end = None, 0
    for box in _BOX.finditer(text):
        if box.start() < end:
            continue
        span = _content(text, box.end(), closings)
        content, end = (text[slice(*span)], span[1]) if span else (None, box.end())
    return (clean_answer(_unwrapped(content)) or None) if content is not None else None


def _closings(text: str) -> dict[int, int]:
    """The position of the closing brace of each opening one."""
    openings: list[int] = []
    closings: dict[int, int] = {}
    for brace in _BRACE.finditer(text):
        if brace[0] == "{":
            openings.append(brace.start())
        elif brace[0] == "}" and openings:
            closings[openings.pop()] = brace.start()
    return closings


def _content(text: str, start: int, closings: dict[int, int]) -> tuple[int, int] | None:
    if text[start : start + 1] == "{":
        return (start + 1, closings[start]) if start in closings else None
    token = _COMMAND.match(text, start)
    if token:
        return token.span()
    return (start, start + 1) if start < len(text) and text[start] not in "}$" else None


def _unwrapped(content: str) -> str:
    closings = _closings(content)
    parts, position, dropped = [], 0, set()
    for box in _BOX.finditer(content):
        parts.append((box.start(), box.end()))
        if box.end() in closings:
            dropped |= {box.end(), closings[box.end()]}
    if not parts:
        return content
    kept = []
    for start, end in [*parts, (len(content), len(content))]:
        kept.extend(content[index] for index in range(position, start) if index not in dropped)
        position = end
    return "".join(kept)
