"""Reads arrays between `\\begin` and `\\end`: matrices, systems and functions defined piece by piece."""

import re
from collections.abc import Callable

from reward.answers.compare.real_sets import LINE, difference, union

from .brackets import RELATIONS, split
from .forms import Form, Group, Matrix, Named, Value
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
    """The matrix, system or piecewise value that `text` is; `read` reads its entries."""
    array = _ARRAY.fullmatch(text)
    if array is None:
        return None
    kind, content = array[1], array[2].strip()
    found = split(content.replace(r"\hline", " "), _ROWS, keep_groups=False)
    if found is None:
        return None
    rows = [row for row in found[0] if row]
    if kind.endswith("cases"):
        return _read_cases(rows, read)
    cells = [split(row, "&", keep_groups=False) for row in rows]
    entries = tuple(tuple(map(read, row[0])) for row in cells if row is not None)
    if kind == "vmatrix" and (value := determinant(entries)) is not None:
        return value
    return Matrix(entries, kind in ("vmatrix", "Vmatrix")) if len(entries) == len(rows) > 0 else None


def _read_cases(rows: list[str], read: Callable[[str], Form]) -> Form | None:
    """The pieces as values with their conditions, in any order; else the rows as a list of equations."""
    pieces = [_piece(row.strip(_STOP)) for row in rows]
    known = [piece for piece in pieces if piece is not None]
    if known and len(known) == len(pieces):
        conditions = _explicit([read(where) for _, where in known])
        pairs = zip((read(value) for value, _ in known), conditions, strict=True)
        return Group("list", tuple(Group("tuple", pair) for pair in pairs))
    cells = [split(row, "&", keep_groups=False) for row in rows]
    joined = [
        " ".join(row[0])
        for row in cells
        if row and all(_GOES_ON.match(cell) or not cell for cell in row[0][1:])
    ]
    return read(", ".join(row.strip(_STOP) for row in joined)) if len(joined) == len(rows) else None


def _explicit(conditions: list[Form]) -> list[Form]:
    """The conditions with what the others leave for a last "otherwise", if they are ranges of one variable."""
    *others, last = conditions
    ranges = [condition.form for condition in others if isinstance(condition, Named)]
    names = {condition.name for condition in others if isinstance(condition, Named)}
    if last != Value(_REST) or len(ranges) < len(others) or len(names) != 1:
        return conditions
    rest = difference(LINE, union(ranges))
    return [*others, Named(names.pop(), rest, None)] if rest is not None else conditions


def _piece(row: str) -> tuple[str, str] | None:
    """A value and its condition, which `&` or a comma sets apart."""
    found = split(row, "&", keep_groups=False)
    if found is None or len(found[0]) != 2:
        found = split(row, ",", keep_groups=False) or ([], [])
        found = [", ".join(found[0][:1]), ", ".join(found[0][1:])], []
    value, where = (cell.strip(_STOP) for cell in found[0])
    where = _LEADING_WORD.sub("", where, count=1)
    if _OTHERWISE.fullmatch(where.casefold()):
        where = _REST
    elif not _is_related(where) or _GOES_ON.match(where):
        return None
    return (value, where) if value and not _is_related(value) else None


def _is_related(text: str) -> bool:
    sides = split(text, RELATIONS)
    return sides is not None and bool(sides[1]) and all(sides[0])
