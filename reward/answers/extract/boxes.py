"""Finds boxed answers."""

import re
from dataclasses import dataclass

from reward.answers.math.unit_phrases import unit_of

from .clean import clean_answer

_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_COMMAND = re.compile(r"\\(?:[A-Za-z]+|.)", re.DOTALL)
_MAX_JOIN_CHARS = 60
_TEXT = re.compile(r"\\(?:text|mbox|mathrm) ?\{([^{}]*)\}|\{\}")
_BLANK = re.compile(r"[^\S\n]|\n(?![^\S\n]*\n)|[$*&~]|\\[()\[\],;:! ]|\\\\|\\q?quad(?![A-Za-z])")
_LABEL = r"(?P<label>(?:[A-Z]{2,3}|\\?[A-Za-z]{1,10})(?:_(?:\w|\{\w{1,5}\}))?(?:\(\w\))?) ?="
# Text between the boxes of one list: a comma, a word, "for part (a) and", the name of the next value.
_JOIN = re.compile(
    r"(?: (?P<noun>[a-z]{3,15}(?: [a-z]{3,15})??)(?= ?[,;]| and | or ))? ?(?=[,;]|and|or|for|in)[,;]? ?"
    rf"(?:(?:for|in) part \(?\w\)?,? ?)?(?P<word>and|or)? ?(?:{_LABEL})? ?|"
)
_FIRST_LABEL = re.compile(rf"(?:\A|(?<=[ ,:;])){_LABEL} ?\Z")


def has_box(text: str) -> bool:
    """Whether `text` holds a box command."""
    return _BOX.search(text) is not None


def last_box(text: str) -> str | None:
    """Cleaned content of the last outermost `\\boxed{}` or `\\fbox{}`, with the boxes inside it unwrapped.

    Boxes joined only by commas, "and", "or" or names ("x =") are one list. A box without braces holds the token that
    follows, as TeX reads it. None if there is no box, or if the last one is empty or unclosed.
    """
    boxes = _boxes(text)
    if not boxes or boxes[-1].content is None:
        return None
    first = len(boxes) - 1
    joins: list[re.Match[str]] = []
    while first and (join := _join(text, boxes[first - 1], boxes[first])):
        joins.append(join)
        first -= 1
    contents = [box.content or "" for box in boxes[first:]]
    if len(set(contents)) == 1 and not any(join["label"] for join in joins):
        return contents[0]
    return _listed(text[: boxes[first].start], contents, joins[::-1])


@dataclass(frozen=True)
class _Box:
    """Position of an outermost box and its cleaned content, which is None if it is empty or unclosed."""

    start: int
    end: int
    content: str | None


def _boxes(text: str) -> list[_Box]:
    closings = _closings(text)
    boxes: list[_Box] = []
    end = 0
    for box in _BOX.finditer(text):
        if box.start() < end:
            continue
        span = _content(text, box.end(), closings)
        content = clean_answer(_unwrapped(text[slice(*span)])) if span else ""
        end = span[1] if span else box.end()
        # The closing brace is part of the box.
        is_braced = span is not None and text[span[0] - 1] == "{" and span[0] > box.end()
        boxes.append(_Box(box.start(), end + is_braced, content or None))
    return boxes


def _join(text: str, box: _Box, following: _Box) -> re.Match[str] | None:
    """Match of the text that joins two boxes in one list, None if they are separate."""
    return join_of(text[box.end : following.start]) if box.content is not None else None


def join_of(gap: str) -> re.Match[str] | None:
    """Match of `gap` between two values of one list: only a comma, "and", "or" or a name; else None."""
    if len(gap) > _MAX_JOIN_CHARS:
        return None
    join = _JOIN.fullmatch(_without_layout(gap))
    is_counted = (
        join is None or join["noun"] is None or unit_of(f" {join['noun']}", is_spaced=True) is not None
    )
    return join if is_counted else None


def _without_layout(text: str) -> str:
    """Replace dollar signs, spacing commands and line ends by one blank; blank lines stay."""
    return re.sub(" {2,}", " ", _BLANK.sub(" ", _TEXT.sub(r"\1", text)))


def _listed(before: str, contents: list[str], joins: list[re.Match[str]]) -> str:
    """Join the boxes to one text, `x=3 and y=5`; the first one has a name only if another one has."""
    has_names = any(join["label"] for join in joins)
    name = _FIRST_LABEL.search(_without_layout(before[-_MAX_JOIN_CHARS:])) if has_names else None
    pieces = [f"{name['label']}=" if name else "", contents[0]]
    for join, content in zip(joins, contents[1:], strict=True):
        separator = f" {join['word']} " if join["word"] else ", "
        pieces += [separator, f"{join['label']}=" if join["label"] else "", content]
    return clean_answer("".join(pieces))


def _closings(text: str) -> dict[int, int]:
    """Position of the closing brace of each opening one."""
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
