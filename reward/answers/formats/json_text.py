"""Finds JSON in a text and reads it."""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

Json = Any
"""Value as `json.loads` returns it, with each fractional number as an exact Decimal."""

MAX_DEPTH = 64
_FENCE = re.compile(r"^[ \t]*(?P<ticks>```+|~~~+)(?P<info>[^`\n]*)$", re.MULTILINE)
_OPENING = re.compile(r"[\[{]")
# A string without its closing quote ends with the line, which JSON does not allow.
_INSIDE = re.compile(r'[\[\]{}]|"(?:[^"\\\n]|\\.)*"?')
_PARTNER = {"]": "[", "}": "{"}


class TooDeep(ValueError):
    """Error for a JSON text nested deeper than `MAX_DEPTH`."""


def extract(text: str, strict: bool) -> str | None:
    """Extract the JSON text that `text` states, or None.

    Strict mode takes the whole text, or the last fenced block, marked json or unmarked, that is JSON. Lenient mode also
    takes the last balanced object or array that lies in no other.
    """
    whole = text.strip()
    if _is_json(whole):
        return whole
    for block in reversed(_blocks(text)):
        if _is_json(block):
            return block
    return None if strict else next(filter(_is_json, reversed(_balanced(text))), None)


def loads(text: str) -> Json:
    """Read a JSON text by RFC 8259: no NaN or Infinity, and no duplicate keys.

    Raises:
        TooDeep: the text is nested deeper than `MAX_DEPTH`.
        ValueError: the text is not JSON, or a number in it has thousands of digits.
    """
    if _depth(text) > MAX_DEPTH:
        raise TooDeep(f"it is nested deeper than {MAX_DEPTH}")
    try:
        return json.loads(
            text, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_distinct
        )
    except InvalidOperation as error:
        raise ValueError("the exponent of a number is out of range") from error


def _distinct(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("an object holds a key twice")
    return values


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _is_json(text: str) -> bool:
    try:
        loads(text)
    except TooDeep:
        return text[-1:] in ("]", "}")
    except ValueError:
        return False
    return True


def _depth(text: str) -> int:
    depth = deepest = 0
    for match in _INSIDE.finditer(text):
        depth += (match[0] in "[{") - (match[0] in "]}")
        deepest = max(deepest, depth)
    return deepest if _OPENING.match(text.lstrip()) else 0


def _blocks(text: str) -> list[str]:
    """Contents of the closed fenced blocks that are marked json or unmarked, in order."""
    blocks: list[str] = []
    opening: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opening is None:
            opening = fence
        elif fence["ticks"].startswith(opening["ticks"]) and not fence["info"].strip():
            if opening["info"].strip().lower() in ("json", ""):
                blocks.append(text[opening.end() : fence.start()].strip())
            opening = None
    return blocks


def _balanced(text: str) -> list[str]:
    """Balanced objects and arrays that lie in no other, in order; quotes count only inside brackets."""
    spans: list[tuple[int, int]] = []
    opened: list[tuple[str, int]] = []
    position = 0
    while match := (_INSIDE if opened else _OPENING).search(text, position):
        token, position = match[0], match.end()
        if token in _PARTNER.values():
            opened.append((token, match.start()))
        elif token in _PARTNER:
            bracket, start = opened.pop()
            if bracket != _PARTNER[token]:
                opened.clear()
                continue
            while spans and spans[-1][0] > start:
                spans.pop()
            spans.append((start, position))
    return [text[start:end] for start, end in spans]
