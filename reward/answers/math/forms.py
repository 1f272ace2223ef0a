"""Shapes of answers, read by `reward.answers.math.structure` and compared by `reward.answers.compare.match`."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Value:
    """Text without structure: a quantity, an expression, words."""

    text: str


@dataclass(frozen=True)
class Collection:
    """Several parts; order counts only in a tuple, and a set holds each part once.

    `joined` is the word between the parts of a list of conditions or words, if it tells "all" from "one of them".
    """

    kind: Literal["tuple", "list", "set", "union", "intersection"]
    parts: tuple["Form", ...]
    joined: Literal["", "and", "or"] = ""


@dataclass(frozen=True)
class Interval:
    """Numbers between two bounds; `closed` tells for each bound whether it is included."""

    low: "Form"
    high: "Form"
    closed: tuple[bool, bool]


@dataclass(frozen=True)
class Matrix:
    """Entries in rows, of a matrix or of a determinant."""

    rows: tuple[tuple["Form", ...], ...]
    is_determinant: bool


@dataclass(frozen=True)
class Relation:
    """Two or more sides with the operators between them; inequalities point to the left (< and <=) only."""

    operators: tuple[str, ...]
    sides: tuple["Form", ...]


@dataclass(frozen=True)
class Named:
    """Value of an unknown, or the set it lies in; `source` is the stating relation, if its sides are values."""

    name: str
    form: "Form"
    source: Relation | None


@dataclass(frozen=True)
class Assigned:
    """Values of several unknowns; `listed` tells `x = 1, y = 2` from `(x, y) = (1, 2)`."""

    names: tuple[str, ...]
    values: tuple["Form", ...]
    listed: bool = False


@dataclass(frozen=True)
class Builder:
    """Set given by a condition on its members, which have the shape `head` and lie in `domain` (None if not stated).

    `is_plain` means that `head` is a single variable; a condition on its range then does not repeat it.
    """

    head: "Form"
    domain: "Form | None"
    condition: "Form"
    is_plain: bool


@dataclass(frozen=True)
class Rounded:
    """Exact value together with a correct rounding of it."""

    exact: "Form"
    decimal: "Form"


Form = Value | Collection | Interval | Matrix | Relation | Named | Assigned | Builder | Rounded
