"""Reads arrays between `\\begin` and `\\end`: matrices, systems and piecewise functions."""

import re
from collections.abc import Callable

from reward.answers.compare.real_sets import LINE, difference, union

from .brackets import RELATIONS, split
from .forms import Collection, Form, Matrix, Named, Value
from .vectors import determinant

_ARRAY = re.compile(
    r"\\begin ?\{((?:p|b|B|v|V|small)?matrix|array|[dr]?cases)\*?\}(?: ?\{[lcr| ]*\})?(.*)\\end ?\{\1\*?\}",
    re.DOTALL,
)
_ROWS = r"\\\\"
_STOP = " ,;."
_LEADING_WORD = re.compile(r"(?:if|when|for|where|as) (?=\S)")
_OTHERWISE = re.compile(r"(?:otherwise|else|in other cases|other cases|in all other cases)")
_REST = "otherwise"
_GOES_ON = re.compile(rf" ?(?:[-+*/]|{RELATIONS})")


def read_array(text: str, read: Callable[[str], Form]) -> Form | None:
    """Read a matrix, system or piecewise value; `read` reads its entries."""
    array = _ARRAY.fullmatch(text)
    if array is None:
        return None
    kind, content = array[1], array[2].strip()
    separated = split(content.replace(r"\hline", " "), _ROWS, keep_groups=False)
    if separated is None:
        return None
    rows = [row for row in separated[0] if row]
    if kind.endswith("cases"):
        return _read_cases(rows, read)
    cells = [split(row, "&", keep_groups=False) for row in rows]
    entries = tuple(tuple(map(read, row[0])) for row in cells if row is not None)
    if kind == "vmatrix" and (value := determinant(entries)) is not None:
        return value
    return Matrix(entries, kind in ("vmatrix", "Vmatrix")) if len(entries) == len(rows) > 0 else None


def _read_cases(rows: list[str], read: Callable[[str], Form]) -> Form | None:
    """Read pieces as values with conditions, in any order, or else the rows as a list of equations."""
    pieces = [_piece(row.strip(_STOP)) for row in rows]
    known = [piece for piece in pieces if piece is not None]
    if known and len(known) == len(pieces):
        conditions = _explicit([read(condition) for _, condition in known])
        pairs = zip((read(value) for value, _ in known), conditions, strict=True)
        return Collection("list", tuple(Collection("tuple", pair) for pair in pairs))
    cells = [split(row, "&", keep_groups=False) for row in rows]
    joined = [
        " ".join(row[0])
        for row in cells
        if row and all(_GOES_ON.match(cell) or not cell for cell in row[0][1:])
    ]
    return read(", ".join(row.strip(_STOP) for row in joined)) if len(joined) == len(rows) else None


def _explicit(conditions: list[Form]) -> list[Form]:
    """Replace a last "otherwise" by the remaining range, if the other conditions are ranges of one variable."""
    *others, last = conditions
    ranges = [condition.form for condition in others if isinstance(condition, Named)]
    names = {condition.name for condition in others if isinstance(condition, Named)}
    if last != Value(_REST) or len(ranges) < len(others) or len(names) != 1:
        return conditions
    rest = difference(LINE, union(ranges))
    return [*others, Named(names.pop(), rest, None)] if rest is not None else conditions


def _piece(row: str) -> tuple[str, str] | None:
    """Split a row at `&` or a comma into a value and its condition."""
    cells = split(row, "&", keep_groups=False)
    if cells is None or len(cells[0]) != 2:
        cells = split(row, ",", keep_groups=False) or ([], [])
        cells = [", ".join(cells[0][:1]), ", ".join(cells[0][1:])], []
    value, condition = (cell.strip(_STOP) for cell in cells[0])
    condition = _LEADING_WORD.sub("", condition, count=1)
    if _OTHERWISE.fullmatch(condition.casefold()):
        condition = _REST
    elif not _is_related(condition) or _GOES_ON.match(condition):
        return None
    return (value, condition) if value and not _is_related(value) else None


def _is_related(text: str) -> bool:
    sides = split(text, RELATIONS)
    return sides is not None and bool(sides[1]) and all(sides[0])
