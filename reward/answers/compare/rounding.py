"""Checks in plain floating point whether a decimal is the correct rounding of an exact value."""

import cmath
import math
import re

from reward.answers.math.atoms import Quantity, read_atom
from reward.answers.math.tree import Call, Expr, Num, Sym, symbols

from .rational import Irrational, TooLarge, Undefined, rational_value

_DECIMAL = re.compile(r"[+-]?\d*\.?(?P<places>\d*)")
_CONSTANTS = {"pi": math.pi, "e": math.e, "i": 1j}
_FUNCTIONS = {
    "sin": cmath.sin,
    "cos": cmath.cos,
    "tan": cmath.tan,
    "arcsin": cmath.asin,
    "arccos": cmath.acos,
    "arctan": cmath.atan,
    "ln": cmath.log,
    "exp": cmath.exp,
    "abs": abs,
}
_MARGIN = 1e-13
_MOST_PLACES = 9
_MAX_CHARS = 30


def is_rounding(decimal: str, exact: str) -> bool:
    """Whether `decimal` equals `exact` (both normalised texts) rounded to as many places."""
    atoms = read_atom(exact), read_atom(decimal)
    numbers = [atom.value for atom in atoms if isinstance(atom, Quantity) and not symbols(atom.value)]
    written = _DECIMAL.fullmatch(decimal) if len(decimal) <= _MAX_CHARS else None
    if (
        len(numbers) < 2
        or not isinstance(numbers[1], Num)
        or written is None
        or not len(written["places"]) > 0
    ):
        return False
    value = _value(numbers[0])
    places = len(written["places"])
    if value is None or places > _MOST_PLACES:
        return False
    error = abs(value - float(numbers[1].value)) * 10**places
    return error <= 0.5 + _MARGIN * 10**places * max(1, abs(value))


def _value(expression: Expr) -> complex | None:
    try:
        return float(rational_value(expression, {}))
    except (Irrational, Undefined, TooLarge, OverflowError):
        pass
    try:
        return _approximate(expression)
    except (ArithmeticError, ValueError, TypeError, LookupError):
        return None


def _approximate(expression: Expr) -> complex:
    if isinstance(expression, Num):
        return complex(float(expression.value))
    if isinstance(expression, Sym):
        return complex(_CONSTANTS[expression.name])
    args = [_approximate(argument) for argument in expression.args]
    return _apply(expression, args)


def _apply(call: Call, args: list[complex]) -> complex:
    if call.name == "+":
        return sum(args)
    if call.name == "neg":
        return -args[0]
    if call.name in ("*", "mixed"):
        return args[0] * args[1] if call.name == "*" else args[0] + args[1]
    if call.name == "/":
        return args[0] / args[1]
    if call.name == "^":
        return args[0] ** args[1]
    if call.name == "root":
        return args[0] ** (1 / args[1])
    if call.name == "log":
        return cmath.log(args[0]) / cmath.log(args[1] if len(args) > 1 else 10)
    return complex(_FUNCTIONS[call.name](args[0]))
