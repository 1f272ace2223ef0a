"""Compares two expressions, up to a factor or not, by their values at many points of their common domain."""

from collections.abc import Iterator
from dataclasses import dataclass

import mpmath

from reward.answers.math.tree import Call, Expr, Sym, symbols, unknowns

from .floating import FEW_DIGITS, Measured, NotReal, measure
from .points import ENOUGH, has_steps, is_piecewise, point_stages, small_points
from .rational import (
    Irrational,
    Point,
    TooLarge,
    Undefined,
    is_close,
    rational_value,
)

_SMALL_POINTS = 4


class TooFewPoints(Exception):
    """Error for two expressions that both have values at too few points to decide."""


def identical(left: Expr, right: Expr, tolerance: float | None) -> bool | None:
    """Whether the two agree at all points at which both have a value; None if there are too few such points.

    They are compared at pseudo-random points to 50 digits and, if they agree, to at least 400. Points without a value
    are skipped. Points with non-real intermediate values are skipped too, unless the imaginary unit or no unknown
    occurs. Answers are read as functions of real variables, and of natural ones in the arguments of factorials and
    binomials. With `tolerance` the values need only agree up to that relative error.

    Raises:
        TooLarge: at nearly all points a value has more than 2,000 digits before or after the decimal point.
    """
    if _differ_soon(left, right, tolerance):
        return False
    count = 0
    for sample in _samples(left, right):
        if not sample.agrees(tolerance):
            return False
        count += 1
    return True if count >= _needed(left, right) else None


def factor(left: Expr, right: Expr) -> mpmath.mpf | None:
    """Find the c other than 0 with left = c * right at all points; None if there is none, as for a zero side.

    Raises:
        TooLarge: see `identical`.
        TooFewPoints: there are too few points at which both have a value other than zero.
    """
    samples = list(_samples(left, right))
    if any(not first.is_proportional(sample) for first in samples[:1] for sample in samples):
        return None
    precise = [sample.precise() for sample in samples]
    zeros = [(_is_zero(one, 0), _is_zero(one, 1)) for one in precise]
    if any(one != other for one, other in zeros):
        return None
    nonzero = [one for one, (is_zero, _) in zip(precise, zeros, strict=True) if not is_zero]
    if not nonzero and len(precise) >= _needed(left, right):
        return None
    if any(not _are_proportional(nonzero[0], one) for one in nonzero):
        return None
    if len(nonzero) < _needed(left, right):
        raise TooFewPoints
    with mpmath.workdps(FEW_DIGITS):
        return mpmath.re(nonzero[0].values[0] / nonzero[0].values[1]) or None


@dataclass(frozen=True)
class _Sample:
    """Two expressions at one point."""

    sides: tuple[Expr, Expr]
    point: Point
    is_complex: bool
    rough: Measured

    def precise(self) -> Measured:
        return measure(self.sides, self.point, is_complex=self.is_complex, digits=self.rough.digits_needed)

    def agrees(self, tolerance: float | None) -> bool:
        if tolerance is not None:
            left, right = self.rough.values
            if abs(left - right) <= tolerance * max(abs(left), abs(right)):
                return True
        if not _is_same(self.rough):
            return False
        return _is_same(self.precise())

    def is_proportional(self, other: "_Sample") -> bool:
        """Whether the ratio of the two sides may be the same at both points, judging by few digits."""
        return _are_proportional(self.rough, other.rough)


def _is_same(measured: Measured) -> bool:
    with mpmath.workdps(measured.digits):
        return abs(measured.values[0] - measured.values[1]) <= measured.error


def _is_zero(measured: Measured, side: int) -> bool:
    return abs(measured.values[side]) <= measured.error


def _are_proportional(one: Measured, other: Measured) -> bool:
    with mpmath.workdps(max(one.digits, other.digits)):
        products = one.values[0] * other.values[1], one.values[1] * other.values[0]
        sizes = sum(map(abs, (*one.values, *other.values)))
        # Four times, because each factor and each product has an error.
        error = 4 * (max(one.error, other.error) * (1 + sizes))
        return abs(products[0] - products[1]) <= error


def _needed(left: Expr, right: Expr) -> int:
    return ENOUGH if unknowns(left) | unknowns(right) else 1


def _samples(left: Expr, right: Expr) -> Iterator[_Sample]:
    """Yield samples at the points needed: more if values are missing, all if an expression is piecewise."""
    is_complex = not (unknowns(left) | unknowns(right)) or _mentions_i(left) or _mentions_i(right)
    is_thorough = is_piecewise(left) or is_piecewise(right)
    count, is_large = 0, False
    for stage, points in enumerate(point_stages(left, right)):
        for point in points:
            try:
                rough = measure((left, right), point, is_complex=is_complex)
            except TooLarge:
                is_large = True
            except (Undefined, NotReal):
                continue
            else:
                count += 1
                yield _Sample((left, right), point, is_complex, rough)
        if is_large and (has_steps(left) or has_steps(right)):
            # A floor looks like a constant near zero.
            raise TooLarge
        if count >= ENOUGH and not is_thorough and (stage > 0 or not is_large):
            return
    if is_large and count < ENOUGH:
        raise TooLarge


def _differ_soon(left: Expr, right: Expr, tolerance: float | None) -> bool:
    """Whether the exact values differ at some small natural number, which is cheap to check."""
    names = symbols(left) | symbols(right)
    for point in small_points(names, 9, _SMALL_POINTS) if names else ():
        try:
            one, other = rational_value(left, point), rational_value(right, point)
        except (Irrational, Undefined, TooLarge):
            continue
        if one != other and (tolerance is None or not is_close(one, other, tolerance)):
            return True
    return False


def _mentions_i(expression: Expr) -> bool:
    if isinstance(expression, Call):
        return any(map(_mentions_i, expression.args))
    return isinstance(expression, Sym) and expression.name == "i"
