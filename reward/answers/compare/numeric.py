"""Values of expressions in high-precision floating point, and whether two expressions are identical."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from random import Random

import mpmath

from reward.answers.math.tree import Call, Expr, Num, Sym, symbols

from .rational import (
    MAX_FACTORIAL,
    Irrational,
    Point,
    TooLarge,
    Undefined,
    is_close,
    near_points,
    rational_value,
    sample_points,
)

_DIGITS = (50, 400)
_AGREE = (20, 200)
MAX_MAGNITUDE = 2_000
"""Largest decimal exponent of a value, either way."""
_COUNTING = frozenset(("!", "!!", "binom", "gcd", "lcm"))
"""Functions of integers: the variables in their arguments stand for natural numbers."""
_MAX_EXACT = 10**40
"""Largest integer that the lesser of the two precisions surely holds."""
_SMALL_POINTS = 4
_COUNTING_POINTS = 10
_MIN_NEAR = 4
"""Fewest points that must tell where a value is too large at others."""
_STEPS = frozenset(("floor", "ceil", "gcd", "lcm", "min", "max"))
"""Functions that a few points close together do not tell from others."""
_TRIGONOMETRIC = frozenset(["sin", "cos", "tan", "cot", "sec", "csc"])
_UNARY: Mapping[str, Callable[..., mpmath.mpc]] = {
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "cot": mpmath.cot,
    "sec": mpmath.sec,
    "csc": mpmath.csc,
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "abs": abs,
    "floor": mpmath.floor,
    "ceil": mpmath.ceil,
}

_Values = tuple[list[mpmath.mpc], list[mpmath.mpc]]


class NotReal(Exception):
    """A value on the way is not real, though the expression itself speaks of no imaginary unit."""


def identical(left: Expr, right: Expr, tolerance: float | None) -> bool | None:
    """Whether the two have the same value wherever both have one; None where no point tells.

    They are compared at pseudo-random points with 50 digits and, where they agree there, with 400. A point at
    which one has no value is passed over, so is one that leads through non-real values unless the imaginary
    unit or no variable at all occurs: answers are read as functions of real variables, and of natural ones in
    the arguments of factorials and binomials. With `tolerance` values need only agree up to that relative error.

    Raises:
        TooLarge: at nearly all points a value has more than 2,000 digits before or after the decimal point.
    """
    if _differ_soon(left, right, tolerance):
        return False
    told: bool | None = None
    for values in _values_of((left, right)):
        told = True
        if not _agree(*values, tolerance):
            return False
    return told


def factor(left: Expr, right: Expr) -> float | None:
    """The c other than 0 with left = c * right at all points, as `identical` tells; None where there is none.

    Raises:
        TooLarge: see `identical`.
    """
    pairs = _values_of((left, right))
    pivot = next((pair for pair in pairs if abs(pair[0][0]) and abs(pair[1][0])), None)
    if pivot is None:
        return None
    for level, agree in enumerate(_AGREE):
        with mpmath.workdps(_DIGITS[level]):
            ratio = pivot[0][level] / pivot[1][level]
            for one, other in pairs:
                if abs(one[level] - ratio * other[level]) > mpmath.mpf(10) ** -agree * (1 + abs(one[level])):
                    return None
    ratio = mpmath.mpc(pivot[0][0] / pivot[1][0])
    return float(ratio.real) or None


def _values_of(pair: tuple[Expr, Expr]) -> list[_Values]:
    names = symbols(pair[0]) | symbols(pair[1])
    is_complex = not names or any(_mentions_i(side) for side in pair)
    found, is_large = _values_at(_points(pair, names), pair, is_complex)
    if not is_large:
        return found
    if names and not any(map(_has_steps, pair)):
        # Nearer to zero a power of powers may well have a value; a floor may look like a constant there.
        found += _values_at(_near_points(names, _counts(pair[0]) | _counts(pair[1])), pair, is_complex)[0]
        if len(found) >= _MIN_NEAR:
            return found
    raise TooLarge


def _has_steps(expression: Expr) -> bool:
    if not isinstance(expression, Call):
        return False
    return expression.name in _STEPS or any(map(_has_steps, expression.args))


def _values_at(points: list[Point], pair: tuple[Expr, Expr], is_complex: bool) -> tuple[list[_Values], bool]:
    """The values of the two where both have them, and whether one was too large at some point."""
    found: list[_Values] = []
    is_large = False
    for point in points:
        try:
            left, right = ([_value(side, point, digits, is_complex) for digits in _DIGITS] for side in pair)
            found.append((left, right))
        except TooLarge:
            is_large = True
        except (Undefined, NotReal, ArithmeticError, ValueError):
            # The latter two are how mpmath reports poles.
            continue
    return found, is_large


def _points(pair: tuple[Expr, Expr], names: frozenset[str]) -> list[Point]:
    counts = _counts(pair[0]) | _counts(pair[1])
    if not counts:
        return sample_points(names) if names else [{}]
    points = sample_points(names - counts, 3, _COUNTING_POINTS - 3)
    return [
        {**point, **small}
        for point, small in zip(points, _small_points(counts, 40, _COUNTING_POINTS), strict=True)
    ]


def _small_points(names: frozenset[str], largest: int, number: int) -> list[Point]:
    generators = {name: Random(f"small {name}") for name in names}
    return [
        {name: Fraction(draw.randint(2, largest)) for name, draw in generators.items()} for _ in range(number)
    ]


def _near_points(names: frozenset[str], counts: frozenset[str]) -> list[Point]:
    points = near_points(names)
    return [
        {**point, **small} for point, small in zip(points, _small_points(counts, 6, len(points)), strict=True)
    ]


def _counts(expression: Expr) -> frozenset[str]:
    """The variables in the arguments of functions of integers."""
    if not isinstance(expression, Call):
        return frozenset()
    if expression.name in _COUNTING:
        return symbols(expression)
    return frozenset().union(*map(_counts, expression.args))


def _differ_soon(left: Expr, right: Expr, tolerance: float | None) -> bool:
    """Whether the exact values differ at some small natural numbers, before anything becomes large or slow."""
    names = symbols(left) | symbols(right)
    for point in _small_points(names, 9, _SMALL_POINTS) if names else ():
        try:
            one, other = rational_value(left, point), rational_value(right, point)
        except (Irrational, Undefined, TooLarge):
            continue
        if one != other and (tolerance is None or not is_close(one, other, tolerance)):
            return True
    return False


def _agree(left: list[mpmath.mpc], right: list[mpmath.mpc], tolerance: float | None) -> bool:
    if tolerance is not None:
        return abs(left[0] - right[0]) <= tolerance * max(abs(left[0]), abs(right[0]))
    for level, agree in enumerate(_AGREE):
        with mpmath.workdps(_DIGITS[level]):
            scale = max(abs(left[level]), abs(right[level]), 1)
            if abs(left[level] - right[level]) > mpmath.mpf(10) ** -agree * scale:
                return False
    return True


def _mentions_i(expression: Expr) -> bool:
    if isinstance(expression, Call):
        return any(map(_mentions_i, expression.args))
    return isinstance(expression, Sym) and expression.name == "i"


def _value(expression: Expr, point: Point, digits: int, is_complex: bool) -> mpmath.mpc:
    with mpmath.workdps(digits):
        return mpmath.mpc(_evaluate(expression, point, is_complex))


def _evaluate(expression: Expr, point: Point, is_complex: bool) -> mpmath.mpf | mpmath.mpc:
    if isinstance(expression, Num):
        return _float(expression.value)
    if isinstance(expression, Sym):
        constants = {"pi": mpmath.pi, "e": mpmath.e, "i": mpmath.j}
        if expression.name in constants:
            return +constants[expression.name]
        return _float(point[expression.name])
    args = [_evaluate(argument, point, is_complex) for argument in expression.args]
    value = _checked(_apply(expression, args))
    if not is_complex and isinstance(value, mpmath.mpc):
        if abs(value.imag) > 1e-30 * (1 + abs(value.real)):
            raise NotReal
        value = value.real
    return value


def _float(value: Fraction) -> mpmath.mpf:
    return mpmath.mpf(value.numerator) / value.denominator


def _checked(value: mpmath.mpf | mpmath.mpc) -> mpmath.mpf | mpmath.mpc:
    if not mpmath.isfinite(value):
        raise Undefined
    if value and abs(mpmath.mag(value)) > MAX_MAGNITUDE * 3.33:
        raise TooLarge
    return value


def _apply(call: Call, args: list[mpmath.mpf]) -> mpmath.mpf | mpmath.mpc:
    name = call.name
    if name == "+":
        return mpmath.fsum(args)
    if name == "neg":
        return -args[0]
    if name == "*":
        return args[0] * args[1]
    if name == "mixed":
        return args[0] + args[1]
    if name == "degree":
        return args[0] * mpmath.pi / 180
    if name == "/":
        return args[0] / _nonzero(args[1])
    if name == "^":
        return _power(*args)
    if name == "root":
        return _root(*args)
    return _apply_function(name, args)


def _nonzero(value: mpmath.mpf) -> mpmath.mpf:
    if abs(value) < mpmath.mpf(10) ** (10 - mpmath.mp.dps):
        raise Undefined
    return value


def _power(base: mpmath.mpf, exponent: mpmath.mpf) -> mpmath.mpf | mpmath.mpc:
    if base == 0:
        if mpmath.re(exponent) <= 0:
            raise Undefined
        return mpmath.mpf(0)
    # The magnitude of the result, in digits, before it is computed.
    if abs(exponent) * (1 + abs(mpmath.log(base))) > MAX_MAGNITUDE * 3:
        raise TooLarge
    return mpmath.power(base, exponent)


def _root(value: mpmath.mpf, index: mpmath.mpf) -> mpmath.mpf | mpmath.mpc:
    if mpmath.im(value) == 0 and mpmath.re(value) < 0 and index % 2 == 1:
        return -mpmath.power(-value, 1 / index)
    return mpmath.power(value, 1 / _nonzero(index)) if value else mpmath.mpf(0)


def _apply_function(name: str, args: list[mpmath.mpf]) -> mpmath.mpf | mpmath.mpc:
    if name in _TRIGONOMETRIC and abs(args[0]) > 1e30:
        raise TooLarge
    if name.startswith("function "):
        # An unknown function: some value that depends on its name and arguments alone.
        return (
            mpmath.mpf(Random(name + "".join(mpmath.nstr(arg, 30) for arg in args)).randint(100, 10**9)) / 7
        )
    if name in _COUNTING:
        return _count(name, args)
    if name in ("max", "min"):
        return _extreme(max if name == "max" else min, args)
    if name == "exp":
        if abs(args[0]) > MAX_MAGNITUDE * 2:
            raise TooLarge
        return mpmath.exp(args[0])
    if name in ("ln", "log"):
        base = mpmath.mpf(10) if len(args) == 1 else args[1]
        return mpmath.log(_nonzero(args[0])) / (1 if name == "ln" else _nonzero(mpmath.log(_nonzero(base))))
    return _UNARY[name](args[0])


def _extreme(choose: Callable[..., mpmath.mpf], args: list[mpmath.mpf]) -> mpmath.mpf:
    if any(mpmath.im(arg) for arg in args):
        raise NotReal
    return choose(*map(mpmath.re, args)) if len(args) > 1 else args[0]


def _count(name: str, args: list[mpmath.mpf]) -> mpmath.mpf | mpmath.mpc:
    if name in ("gcd", "lcm"):
        if not all(mpmath.isint(arg) for arg in args):
            raise Undefined
        if max(abs(arg) for arg in args) > _MAX_EXACT:
            raise TooLarge
        return mpmath.mpf((math.gcd if name == "gcd" else math.lcm)(*(int(arg.real) for arg in args)))
    if max(abs(arg) for arg in args) > MAX_FACTORIAL:
        raise TooLarge
    if name == "binom":
        return mpmath.binomial(*args)
    return mpmath.factorial(args[0]) if name == "!" else mpmath.fac2(args[0])
