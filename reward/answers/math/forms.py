"""The shapes of answers: what `reward.answers.math.structure` reads and `reward.answers.compare.match` compares."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Value:
    """Text without structure: a quantity, an expression, words."""

    text: str


@dataclass(frozen=True)
class Group:
    """Several parts; the order counts in a tuple only, a set holds each part once.

    `joined` is the word between the parts of a list of conditions or words, where it tells all from one of them.
    """

    kind: Literal["tuple", "list", "set", "union", "intersection"]
    parts: tuple["Form", ...]
    joined: Literal["", "and", "or"] = ""


@dataclass(frozen=True)
class Interval:
    """The numbers between two bounds; `closed` tells for each whether it belongs to them."""

    low: "Form"
    high: "Form"
    closed: tuple[bool, bool]


@dataclass(frozen=True)
class Matrix:
    """Entries in rows; a determinant is no matrix."""

    rows: tuple[tuple["Form", ...], ...]
    is_determinant: bool


@dataclass(frozen=True)
class Relation:
    """Two or more sides with the operators between them; inequalities point to the left (< and <=) only."""

    operators: tuple[str, ...]
    sides: tuple["Form", ...]


@dataclass(frozen=True)
class Named:
    """What an unknown is, or which set it lies in; `source` is the relation that says so, if its sides are values."""

    name: str
    form: "Form"
    source: Relation | None


@dataclass(frozen=True)
class Assigned:
    """The values of several unknowns; `listed` tells `x = 1, y = 2` from `(x, y) = (1, 2)`."""

    names: tuple[str, ...]
    values: tuple["Form", ...]
    listed: bool = False


@dataclass(frozen=True)
class Builder:
    """A set given by a condition on its members, which have the shape `head` and lie in `domain` (None: not said).

    Where `head` is a variable alone, `is_plain`, it is left out of the condition if that says where it lies.
    """

    head: "Form"
    domain: "Form | None"
    condition: "Form"
    is_plain: bool


@dataclass(frozen=True)
class Rounded:
    """An exact value together with a right rounding of it."""

    exact: "Form"
    decimal: "Form"


Form = Value | Group | Interval | Matrix | Relation | Named | Assigned | Builder | Rounded
