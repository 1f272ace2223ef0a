"""Expression trees."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Num:
    """Number; `decimal` if it is written with a decimal point."""

    value: Fraction
    decimal: bool = False


@dataclass(frozen=True)
class Sym:
    """Variable, or one of the constants pi, e and i."""

    name: str


@dataclass(frozen=True)
class Call:
    """Operator (+ * / ^ neg ! !! binom mixed degree) or function applied to its arguments."""

    name: str
    args: tuple["Expr", ...]


Expr = Num | Sym | Call
CONSTANTS = frozenset(("pi", "e", "i"))
FUNCTION = "function "
"""Prefix of the name of a call of an unknown function, such as P in P(0)."""


def symbols(expression: Expr) -> frozenset[str]:
    """Names of the variables in `expression`, without unknown functions."""
    if isinstance(expression, Sym):
        return frozenset((expression.name,)) - CONSTANTS
    if isinstance(expression, Call):
        return frozenset().union(*map(symbols, expression.args))
    return frozenset()


def functions(expression: Expr) -> frozenset[str]:
    """Names of the calls of unknown functions in `expression`."""
    if not isinstance(expression, Call):
        return frozenset()
    calls = frozenset().union(*map(functions, expression.args))
    return calls | {expression.name} if expression.name.startswith(FUNCTION) else calls


def unknowns(expression: Expr) -> frozenset[str]:
    """Names of the variables and unknown functions in `expression`."""
    return symbols(expression) | functions(expression)
