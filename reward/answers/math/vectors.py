"""Reads vectors written in the basis i, j, k, and small determinants."""

import re
from collections.abc import Sequence

from .brackets import split
from .forms import Form, Value

_AXIS = re.compile(
    r"(.*?) ?\*? ?(\\(?:hat|vec|imath|jmath) ?\{? ?[ijk] ?\}?|(?<![A-Za-z\\])[ijk])", re.DOTALL
)
_NO_AXIS = re.compile(r"(?<![A-Za-z])[ijk](?![A-Za-z])")
_MAX_CHARS = 200
_LARGEST = 3


def read_vector(text: str) -> list[str] | None:
    """Coordinates of `2i + 3j - k`; None without a term in j, because `2 + 3i` is a complex number."""
    if "j" not in text or len(text) > _MAX_CHARS:
        return None
    separated = split(text, r"[+-]")
    if separated is None:
        return None
    signs = ["+", *separated[1]]
    coordinates: dict[str, str] = {}
    for place, (sign, term) in enumerate(zip(signs, separated[0], strict=True)):
        if not term and place == 0:
            continue
        axis = _AXIS.fullmatch(term)
        letter = axis[2].strip("{} ")[-1] if axis else ""
        if axis is None or letter in coordinates or _NO_AXIS.search(axis[1]):
            return None
        coordinates[letter] = f"{'-' if sign == '-' else ''}{axis[1] or '1'}"
    axes = "ijk" if "k" in coordinates else "ij"
    return (
        [coordinates.get(axis, "0") for axis in axes] if "j" in coordinates and len(coordinates) > 1 else None
    )


def determinant(rows: Sequence[Sequence[Form]]) -> Value | None:
    """Determinant of a square of at most three rows of values, as an expression."""
    texts = [[entry.text for entry in row if isinstance(entry, Value)] for row in rows]
    size = len(texts)
    if not 1 <= size <= _LARGEST or any(len(row) != size for row in texts):
        return None
    return Value(_expanded(texts))


def _expanded(rows: list[list[str]]) -> str:
    if len(rows) == 1:
        return f"({rows[0][0]})"
    minors = [[row[:column] + row[column + 1 :] for row in rows[1:]] for column in range(len(rows))]
    terms = [f"({entry})*({_expanded(minor)})" for entry, minor in zip(rows[0], minors, strict=True)]
    signs = ("", "-", "+")
    return "".join(sign + term for sign, term in zip(signs, terms, strict=False))
