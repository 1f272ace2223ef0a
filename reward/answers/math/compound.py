"""Reads quantities in several units of one kind: 2 h 30 min, 5'4'', 30° 30'."""

import re
from fractions import Fraction

from .units import Unit, conversion, is_known, read_unit

_UNIT = r"[A-Za-z]{1,12}|°|''|'|\""
_COMPOUND = re.compile(rf"\d+(?:\.\d+)? ?(?:{_UNIT})(?:(?:, ?| ?and ?| ?)\d+(?:\.\d+)? ?(?:{_UNIT})){{1,2}}")
_PART = re.compile(rf"(\d+(?:\.\d+)?) ?({_UNIT})")
_OF_A_FOOT = {"'": "foot", "''": "inch", '"': "inch"}
_OF_A_DEGREE = {
    **dict.fromkeys(("'", "min", "minute", "minutes"), Fraction(1, 60)),
    **dict.fromkeys(("''", '"', "s", "sec", "second", "seconds"), Fraction(1, 3600)),
}


def read_compound(text: str) -> tuple[Fraction, Unit] | None:
    """Sum of the parts in the unit of the first; None if the units do not belong together."""
    if not _COMPOUND.fullmatch(text):
        return None
    parts = [(Fraction(number), name) for number, name in _PART.findall(text)]
    first = _unit(parts[0][1])
    if first is None:
        return None
    total, last = Fraction(0), None
    for number, name in parts:
        worth = _worth(name, first)
        if worth is None or (last is not None and worth >= last):
            return None
        total, last = total + number * worth, worth
    return total, first


def _unit(name: str) -> Unit | None:
    name = _OF_A_FOOT.get(name, name)
    return read_unit(name) if name == "°" or is_known(name) else None


def _worth(name: str, first: Unit) -> Fraction | None:
    if first == read_unit("°") and name in _OF_A_DEGREE:
        return _OF_A_DEGREE[name]
    unit = _unit(name)
    return conversion(unit, first) if unit is not None else None
