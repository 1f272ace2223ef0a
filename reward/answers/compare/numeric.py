"""Whether two expressions are identical or proportional, by their values at many points of their common domain."""

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
    """The two expressions have values together at too few points to tell."""


def identical(left: Expr, right: Expr, tolerance: float | None) -> bool | None:
    """Whether the two have the same value wherever both have one; None where too few points tell.

    They are compared at pseudo-random points to 50 digits and, where they agree there, to at least 400. A point at
    which one has no value is passed over, so is one that leads through non-real values unless the imaginary
    unit or no unknown at all occurs: answers are read as functions of real variables, and of natural ones in
    the arguments of factorials and binomials. With `tolerance` values need only agree up to that relative error.

    Raises:
        TooLarge: at nearly all points a value has more than 2,000 digits before or after the decimal point.
    """
    if _differ_soon(left, right, tolerance):
        return False
    found = 0
    for sample in _samples(left, right):
        if not sample.agrees(tolerance):
            return False
        found += 1
    return True if found >= _needed(left, right) else None


def factor(left: Expr, right: Expr) -> mpmath.mpf | None:
    """The c other than 0 with left = c * right at all points; None where there is none, as for a side that is zero.

    Raises:
        TooLarge: see `identical`.
        TooFewPoints: the points at which both have a value and are not zero are too few.
    """
    samples = list(_samples(left, right))
    if any(not first.is_proportional(sample) for first in samples[:1] for sample in samples):
        return None
    precise = [sample.precise() for sample in samples]
    zeros = [(_is_zero(one, 0), _is_zero(one, 1)) for one in precise]
    if any(one != other for one, other in zeros):
        return None
    told = [one for one, (is_zero, _) in zip(precise, zeros, strict=True) if not is_zero]
    if not told and len(precise) >= _needed(left, right):
        return None
    if any(not _are_proportional(told[0], one) for one in told):
        return None
    if len(told) < _needed(left, right):
        raise TooFewPoints
    with mpmath.workdps(FEW_DIGITS):
        return mpmath.re(told[0].values[0] / told[0].values[1]) or None


@dataclass(frozen=True)
class _Sample:
    """The two expressions at one point."""

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
        """Whether few digits leave it open that the ratio of the two sides is the same at both points."""
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
        # Four times: each factor has an error, and so have their products.
        error = 4 * (max(one.error, other.error) * (1 + sizes))
        return abs(products[0] - products[1]) <= error


def _needed(left: Expr, right: Expr) -> int:
    return ENOUGH if unknowns(left) | unknowns(right) else 1


def _samples(left: Expr, right: Expr) -> Iterator[_Sample]:
    """The two at all points needed: some if they have values there, more if not, all if they have several pieces."""
    is_complex = not (unknowns(left) | unknowns(right)) or _mentions_i(left) or _mentions_i(right)
    is_thorough = is_piecewise(left) or is_piecewise(right)
    found, is_large = 0, False
    for stage, points in enumerate(point_stages(left, right)):
        for point in points:
            try:
                rough = measure((left, right), point, is_complex=is_complex)
            except TooLarge:
                is_large = True
            except (Undefined, NotReal):
                continue
            else:
                found += 1
                yield _Sample((left, right), point, is_complex, rough)
        if is_large and (has_steps(left) or has_steps(right)):
            # A floor may look like a constant near zero.
            raise TooLarge
        if found >= ENOUGH and not is_thorough and (stage > 0 or not is_large):
            return
    if is_large and found < ENOUGH:
        raise TooLarge


def _differ_soon(left: Expr, right: Expr, tolerance: float | None) -> bool:
    """Whether the exact values differ at some small natural numbers, before anything becomes large or slow."""
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
