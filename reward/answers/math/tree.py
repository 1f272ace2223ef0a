"""Algebraic expressions as trees."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Num:
    """A number; `decimal` tells one written with a decimal point."""

    value: Fraction
    decimal: bool = False


@dataclass(frozen=True)
class Sym:
    """A variable, or one of the constants pi, e and i."""

    name: str


@dataclass(frozen=True)
class Call:
    """An operator (+ * / ^ neg ! !! binom mixed degree) or function applied to its arguments."""

    name: str
    args: tuple["Expr", ...]


Expr = Num | Sym | Call
CONSTANTS = frozenset(("pi", "e", "i"))


def symbols(expression: Expr) -> frozenset[str]:
    """The names of the variables in `expression`, opaque functions not counted."""
    if isinstance(expression, Sym):
        return frozenset((expression.name,)) - CONSTANTS
    if isinstance(expression, Call):
        return frozenset().union(*map(symbols, expression.args))
    return frozenset()
