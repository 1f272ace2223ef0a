"""Evaluates expressions in floating point with as many digits as they need, and bounds the error."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from random import Random

import mpmath

from reward.answers.math.tree import FUNCTION, Call, Expr, Num, Sym

from .rational import MAX_FACTORIAL, Point, TooLarge, Undefined

FEW_DIGITS, MANY_DIGITS = 50, 400
_LOST_DIGITS = {FEW_DIGITS: 30, MANY_DIGITS: 60}
"""Digits that cancellation may cost beyond those explained by the largest intermediate value."""
MAX_MAGNITUDE = 2_000
"""Largest absolute decimal exponent of a value."""
_COUNTING = frozenset(("!", "!!", "binom", "gcd", "lcm"))
_MAX_EXACT = 10**40
"""Largest integer that the lower of the two precisions surely holds."""
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
    "zeta": mpmath.zeta,
}
_ARGUMENT_DIGITS = 30


class NotReal(Exception):
    """Error for an intermediate value that is not real in an expression without the imaginary unit."""


class _Unclear(Undefined):
    """Error for a divisor so small that it may be a rounding error."""


@dataclass(frozen=True)
class Measured:
    """Values of several expressions at one point, each with a rounding error of at most `error`.

    At `digits_needed` digits no small term is lost when added to a large one.
    """

    values: tuple[mpmath.mpc, ...]
    error: mpmath.mpf
    digits: int
    digits_needed: int


@dataclass
class _Span:
    """Decimal exponents of the largest and smallest intermediate value; `is_sharp` unless a step was too close."""

    largest: float = 0.0
    smallest: float = 0.0
    is_sharp: bool = True

    @property
    def digits_needed(self) -> int:
        return MANY_DIGITS + math.ceil(self.largest - self.smallest)


def measure(
    expressions: tuple[Expr, ...], point: Point, *, is_complex: bool, digits: int = FEW_DIGITS
) -> Measured:
    """Evaluate to `digits` digits, or to more if a divisor is small.

    Raises:
        TooLarge: a value has more than 2,000 digits before or after the decimal point.
        Undefined, NotReal: see there.
    """
    span = _Span()
    try:
        return _measure(expressions, _Evaluator(point, is_complex, span), digits)
    except _Unclear:
        if digits > FEW_DIGITS:
            raise
    return _measure(expressions, _Evaluator(point, is_complex, _Span()), span.digits_needed)


def _measure(expressions: tuple[Expr, ...], evaluator: "_Evaluator", digits: int) -> Measured:
    span = evaluator.span
    with mpmath.workdps(digits):
        try:
            values = tuple(mpmath.mpc(evaluator.value(one)) for one in expressions)
        except (ArithmeticError, ValueError) as error:
            # mpmath reports poles this way.
            raise Undefined from error
        lost = _LOST_DIGITS[min(digits, MANY_DIGITS)]
        bound = mpmath.mpf(10) ** (span.largest + lost - digits) if span.is_sharp else mpmath.inf
    return Measured(values, bound, digits, span.digits_needed)


class _Evaluator:
    def __init__(self, point: Point, is_complex: bool, span: _Span) -> None:
        self._point = point
        self._is_complex = is_complex
        self.span = span

    def value(self, expression: Expr) -> mpmath.mpf | mpmath.mpc:
        if isinstance(expression, Num):
            return self._noted(_float(expression.value))
        if isinstance(expression, Sym):
            constants = {"pi": mpmath.pi, "e": mpmath.e, "i": mpmath.j}
            if expression.name in constants:
                return +constants[expression.name]
            return self._noted(_float(self._point[expression.name]))
        args = [self.value(argument) for argument in expression.args]
        value = self._noted(self._apply(expression, args))
        if not self._is_complex and isinstance(value, mpmath.mpc):
            if abs(value.imag) > 1e-30 * (1 + abs(value.real)):
                raise NotReal
            value = value.real
        return value

    def _noted(self, value: mpmath.mpf | mpmath.mpc) -> mpmath.mpf | mpmath.mpc:
        if not mpmath.isfinite(value):
            raise Undefined
        if value:
            exponent = float(mpmath.mag(value)) * math.log10(2)
            if abs(exponent) > MAX_MAGNITUDE:
                raise TooLarge
            self.span.largest = max(self.span.largest, exponent)
            self.span.smallest = min(self.span.smallest, exponent)
        return value

    def _apply(self, call: Call, args: list[mpmath.mpf]) -> mpmath.mpf | mpmath.mpc:
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
            return args[0] / self._nonzero(args[1])
        if name == "^":
            return self._power(*args)
        if name == "root":
            return _root(*args)
        if name in ("ln", "log"):
            return self._logarithm(name, args)
        if name in ("floor", "ceil"):
            return self._step(name, args[0])
        if name.startswith(FUNCTION):
            return _unknown(name, args, self._point)
        return _apply_function(name, args)

    def _nonzero(self, value: mpmath.mpf) -> mpmath.mpf:
        if not value:
            raise Undefined
        if abs(value) < mpmath.mpf(10) ** (self.span.largest + 10 - mpmath.mp.dps):
            raise _Unclear
        return value

    def _power(self, base: mpmath.mpf, exponent: mpmath.mpf) -> mpmath.mpf | mpmath.mpc:
        if mpmath.re(exponent) <= 0:
            self._nonzero(base)
        if base == 0:
            return mpmath.mpf(0)
        # Bound the result's magnitude, in digits, before computing it.
        if abs(exponent) * (1 + abs(mpmath.log(base))) > MAX_MAGNITUDE * 3:
            raise TooLarge
        return mpmath.power(base, exponent)

    def _logarithm(self, name: str, args: list[mpmath.mpf]) -> mpmath.mpf | mpmath.mpc:
        value = mpmath.log(self._nonzero(args[0]))
        if name == "ln":
            return value
        base = mpmath.mpf(10) if len(args) == 1 else self._nonzero(args[1])
        return value / self._nonzero(mpmath.log(base))

    def _step(self, name: str, value: mpmath.mpf) -> mpmath.mpf:
        nearest = mpmath.nint(value)
        if value != nearest and abs(value - nearest) < mpmath.mpf(10) ** (20 - mpmath.mp.dps) * (
            1 + abs(value)
        ):
            # Few digits do not tell on which side of the step the value lies; with many digits it is on the step.
            self.span.is_sharp = mpmath.mp.dps > FEW_DIGITS
            return nearest
        return mpmath.floor(value) if name == "floor" else mpmath.ceil(value)


def _float(value: Fraction) -> mpmath.mpf:
    return mpmath.mpf(value.numerator) / value.denominator


def _unknown(name: str, args: list[mpmath.mpf], point: Point) -> mpmath.mpf:
    """Arbitrary value that depends only on the function's name, its arguments and the point."""
    smallest = mpmath.mpf(10) ** -_ARGUMENT_DIGITS
    shown = [mpmath.nstr(arg, _ARGUMENT_DIGITS) if abs(arg) > smallest else "0" for arg in args]
    draw = Random(f"{point[name]} {name} {' '.join(shown)}")
    return mpmath.mpf(draw.randint(100, 10**9) * draw.choice((1, -1))) / 10**8


def _root(value: mpmath.mpf, index: mpmath.mpf) -> mpmath.mpf | mpmath.mpc:
    if mpmath.im(value) == 0 and mpmath.re(value) < 0 and index % 2 == 1:
        return -mpmath.power(-value, 1 / index)
    return mpmath.power(value, 1 / index) if value else mpmath.mpf(0)


def _apply_function(name: str, args: list[mpmath.mpf]) -> mpmath.mpf | mpmath.mpc:
    if name in _TRIGONOMETRIC and abs(args[0]) > 1e30:
        raise TooLarge
    if name in _COUNTING:
        return _count(name, args)
    if name in ("max", "min"):
        return _extreme(max if name == "max" else min, args)
    if name == "exp":
        if abs(args[0]) > MAX_MAGNITUDE * 2:
            raise TooLarge
        return mpmath.exp(args[0])
    if name in ("gamma", "zeta") and abs(args[0]) > MAX_FACTORIAL:
        raise TooLarge
    return mpmath.gamma(args[0]) if name == "gamma" else _UNARY[name](args[0])


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
