"""Compares two atoms: quantities with their units, words, infinities. The comparison of numbers is a parameter."""

from collections.abc import Callable
from fractions import Fraction

from reward.answers.math.atoms import Atom, Based, Infinite, Quantity, Unread, Words, letter_unit
from reward.answers.math.tree import Call, Expr, Num, symbols
from reward.answers.math.units import PERCENT, conversion, is_money
from reward.types import Verdict

from .match import Decision, any_of
from .rational import exactly

CompareNumbers = Callable[[Expr, Expr], Decision]


def verdict(is_equal: bool) -> Verdict:
    """Return EQUAL or DIFFERENT."""
    return Verdict.EQUAL if is_equal else Verdict.DIFFERENT


def compare_values(left: Atom, right: Atom, numbers: CompareNumbers) -> Decision:
    """Decide two atoms; None if a parser is needed, UNDECIDED if one is malformed.

    If only one quantity has a unit, the numbers decide. If both have one, the units must measure the same and convert
    exactly. A percentage equals its number and its hundredth.
    """
    if any(isinstance(atom, Unread) and atom.malformed for atom in (left, right)):
        return Verdict.UNDECIDED
    if isinstance(left, Quantity) and isinstance(right, Quantity):
        return _compare_quantities(left, right, numbers)
    if isinstance(left, Words) or isinstance(right, Words):
        return verdict(left == right)
    if isinstance(left, Unread) or isinstance(right, Unread):
        return None
    if isinstance(left, Based) and isinstance(right, Based):
        return verdict(left.base == right.base and left.digits.lstrip("0") == right.digits.lstrip("0"))
    for atom in (left, right):
        if isinstance(atom, Quantity) and isinstance(left, Infinite) | isinstance(right, Infinite):
            # Comparing it with itself reveals an expression without a value (1/0).
            return (
                Verdict.UNDECIDED
                if numbers(atom.value, atom.value) is Verdict.UNDECIDED
                else Verdict.DIFFERENT
            )
    return verdict(left == right)


def _compare_quantities(left: Quantity, right: Quantity, numbers: CompareNumbers) -> Decision:
    if left.unit is None and right.unit is None:
        return numbers(left.value, right.value)
    if left.unit is None or right.unit is None:
        bare, measured = (left, right) if left.unit is None else (right, left)
        return _compare_bare(bare, measured, numbers)
    rate = conversion(left.unit, right.unit)
    if rate is None:
        return any_of([_compare_plain(left, right, numbers)])
    scaled = left.value if rate == 1 else Call("*", (Num(rate), left.value))
    if is_money(left.unit):
        return numbers(exactly(scaled), exactly(right.value))
    return numbers(scaled, right.value)


def _compare_plain(left: Quantity, right: Quantity, numbers: CompareNumbers) -> Decision:
    if left.plain is None or right.plain is None or left.unit == PERCENT:
        return Verdict.DIFFERENT
    return numbers(left.plain, right.plain)


def _compare_bare(bare: Quantity, measured: Quantity, numbers: CompareNumbers) -> Decision:
    decisions = [numbers(bare.value, measured.value)]
    if measured.unit == PERCENT:
        decisions.append(numbers(bare.value, Call("/", (measured.value, Num(Fraction(100))))))
    elif symbols(bare.value):
        if measured.plain is not None:
            decisions.append(numbers(bare.value, measured.plain))
        if (lettered := letter_unit(bare.value)) is not None:
            decisions.append(_compare_quantities(Quantity(*lettered), measured, numbers))
    return any_of(decisions)
