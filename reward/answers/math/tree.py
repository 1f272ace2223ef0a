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
FUNCTION = "function "
"""Begins the name of a call of a function that is not known, such as P in P(0)."""


def symbols(expression: Expr) -> frozenset[str]:
    """The names of the variables in `expression`, opaque functions not counted."""
    if isinstance(expression, Sym):
        return frozenset((expression.name,)) - CONSTANTS
    if isinstance(expression, Call):
        return frozenset().union(*map(symbols, expression.args))
    return frozenset()


def functions(expression: Expr) -> frozenset[str]:
    """The names of the calls of unknown functions in `expression`."""
    if not isinstance(expression, Call):
        return frozenset()
    found = frozenset().union(*map(functions, expression.args))
    return found | {expression.name} if expression.name.startswith(FUNCTION) else found


def unknowns(expression: Expr) -> frozenset[str]:
    """The names of the variables and of the unknown functions in `expression`."""
    return symbols(expression) | functions(expression)
