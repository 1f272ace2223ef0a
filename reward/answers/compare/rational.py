"""Computes exact values of expressions as rational numbers."""

import math
from collections.abc import Mapping
from fractions import Fraction

from reward.answers.math.tree import CONSTANTS, Call, Expr, Num, Sym

MAX_BITS = 40_000
MAX_FACTORIAL = 2_000


class Irrational(Exception):
    """Error for a value that is not a rational number, or not known to be one."""


class Undefined(Exception):
    """Error for an expression without a value, as in a division by zero."""


class TooLarge(Exception):
    """Error for a value of more than `MAX_BITS` bits."""


Point = Mapping[str, Fraction]


def rational_value(expression: Expr, point: Point) -> Fraction:
    """Compute the exact value of `expression` with its variables given by `point`.

    Raises:
        Irrational, Undefined, TooLarge: see these classes; the work before is bounded by `MAX_BITS`.
    """
    if isinstance(expression, Num):
        return expression.value
    if isinstance(expression, Sym):
        if expression.name in CONSTANTS:
            raise Irrational(expression.name)
        return point[expression.name]
    args = [rational_value(argument, point) for argument in expression.args]
    return _bounded(_apply(expression, args))


def is_simple(expression: Expr) -> bool:
    """Whether the expression is an integer, a fraction of integers or a mixed number, as written."""
    if isinstance(expression, Call):
        return expression.name in ("neg", "/", "mixed") and all(
            isinstance(argument, Num) or is_simple(argument) for argument in expression.args
        )
    return isinstance(expression, Num) and not expression.decimal


def has_decimal(expression: Expr) -> bool:
    """Whether a number in the expression is written with a decimal point."""
    if isinstance(expression, Call):
        return any(map(has_decimal, expression.args))
    return isinstance(expression, Num) and expression.decimal


def exactly(expression: Expr) -> Expr:
    """Treat the decimals of `expression` as exact numbers."""
    if isinstance(expression, Call):
        return Call(expression.name, tuple(map(exactly, expression.args)))
    return Num(expression.value) if isinstance(expression, Num) else expression


def tolerates(left: Expr, right: Expr) -> bool:
    """Whether two values are compared with tolerance: one is a decimal, the other is no integer or fraction."""
    decimals = has_decimal(left), has_decimal(right)
    return any(decimals) and (decimals[0] or not is_simple(left)) and (decimals[1] or not is_simple(right))


def is_close(left: Fraction, right: Fraction, tolerance: float) -> bool:
    """Whether the two agree up to the relative tolerance."""
    return abs(left - right) <= Fraction(tolerance) * max(abs(left), abs(right))


def agree(left: Fraction, right: Fraction, tolerance: float) -> bool:
    """Whether two decimals agree: up to the tolerance, absolute above 1 and relative below."""
    return abs(left - right) <= Fraction(tolerance) * min(1, max(abs(left), abs(right)))


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise TooLarge
    return value


def _apply(call: Call, args: list[Fraction]) -> Fraction:
    name = call.name
    if name == "+":
        return sum(args, Fraction(0))
    if name == "neg":
        return -args[0]
    if name == "*":
        return args[0] * args[1]
    if name == "mixed":
        return args[0] + args[1]
    if name == "/":
        if args[1] == 0:
            raise Undefined
        return args[0] / args[1]
    if name == "^":
        return power(args[0], args[1])
    if name == "root":
        return _root(args[0], args[1])
    return _apply_function(name, args)


def _apply_function(name: str, args: list[Fraction]) -> Fraction:
    if name == "!":
        return Fraction(math.factorial(_count(args[0])))
    if name == "gamma":
        # The pole at zero is left to the real-valued gamma function.
        return Fraction(math.factorial(_count(args[0] - 1)))
    if name == "binom":
        return Fraction(math.comb(_count(args[0]), _count(args[1])))
    if name == "abs":
        return abs(args[0])
    if name == "floor":
        return Fraction(math.floor(args[0]))
    if name == "ceil":
        return Fraction(math.ceil(args[0]))
    raise Irrational(name)


def _count(value: Fraction) -> int:
    if value.denominator != 1 or value < 0:
        raise Irrational("a factorial of no natural number")
    if value > MAX_FACTORIAL:
        raise TooLarge
    return value.numerator


def power(base: Fraction, exponent: Fraction) -> Fraction:
    """Raise `base` to the `exponent`.

    Raises:
        Irrational, Undefined, TooLarge: see these classes; nothing larger than `MAX_BITS` is computed.
    """
    if exponent.denominator != 1:
        if max(abs(exponent.numerator), exponent.denominator) > 100:
            raise Irrational("a root")
        if base < 0:
            raise Irrational("a root of a negative number")
        return power(_root(base, Fraction(exponent.denominator)), Fraction(exponent.numerator))
    if base == 0 and exponent <= 0:
        # 0^0 is undefined or 1, by convention; no answer depends on it.
        raise Undefined
    if base in (0, 1, -1):
        return base ** (exponent.numerator % 2 or 2)
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if bits * abs(exponent.numerator) > MAX_BITS:
        raise TooLarge
    return base**exponent.numerator


def _root(value: Fraction, index: Fraction) -> Fraction:
    if index.denominator != 1 or not 2 <= index <= 100 or (value < 0 and index % 2 == 0):
        raise Irrational("a root")
    roots = [_integer_root(abs(part), index.numerator) for part in (value.numerator, value.denominator)]
    return Fraction(roots[0], roots[1]) * (-1 if value < 0 else 1)


def _integer_root(value: int, index: int) -> int:
    if index == 2:
        root = math.isqrt(value)
    elif value.bit_length() > 1000:
        raise Irrational("a root")
    else:
        root = 1 << -(-value.bit_length() // index)
        while root**index > value:
            root = ((index - 1) * root + value // root ** (index - 1)) // index
    if root**index != value:
        raise Irrational("a root")
    return root
