"""Decides the equivalence of answers that need no parser: rational arithmetic, units, text, and their structures.

Time and memory are bounded, so it runs in the caller's process.
"""

import re
from fractions import Fraction
from functools import partial

from reward.answers.formats.lettered import without_letters
from reward.answers.math.atoms import Quantity, Unread, is_clock, read_atom
from reward.answers.math.forms import Relation, Value
from reward.answers.math.normalise import normalise
from reward.answers.math.structure import read_form
from reward.answers.math.tree import Call, Expr, Num, symbols, unknowns
from reward.types import Verdict

from .align import align
from .factorials import cancel_factorials
from .match import Comparators, Decision, match
from .points import ENOUGH, exact_points
from .rational import (
    Irrational,
    TooLarge,
    Undefined,
    agree,
    has_decimal,
    rational_value,
)
from .sums import terms
from .values import compare_values, verdict

MAX_CHARS = 4_000
# 3-2 and 2-1 are equal as differences but not as scores, and the same holds for dates with a two-digit year.
_SCORE = re.compile(r"\d{1,3}-\d{1,3}|\d{1,2}/\d{1,2}/\d{1,2}")
_PRINTED_DIGITS = 15
_PAIR = re.compile(r"[A-Za-z]{2}")
_TEXT = re.compile(r"\\(?:text|mbox|mathrm|operatorname)[a-z]*\*?\s*\{")
_BETWEEN = re.compile(r"(?<![A-Za-z0-9]) | (?![A-Za-z0-9])|(?<=\d) (?=[a-z](?![A-Za-z0-9]))")
_RATIO = re.compile(r"([1-9]\d{0,8}) ?: ?([1-9]\d{0,8})")


def decide(gold: str, answer: str, tolerance: float = 1e-6) -> Verdict | None:
    """Decide a pair that needs no parser, or return None if it needs one; symmetric, and never raises.

    Rational values are compared exactly, except that two decimals may differ by `tolerance`, absolute above 1 and
    relative below. Rational functions of variables are compared exactly too, at pseudo-random points. UNDECIDED for
    texts above 4,000 characters, numbers too large to compute, malformed LaTeX and expressions without a value (5/0).
    """
    if gold.strip() == answer.strip():
        return Verdict.EQUAL
    pair = without_letters(gold, answer)
    if isinstance(pair, Verdict):
        return pair
    left, right = sorted(map(normalise, pair))
    if not left or not right:
        return Verdict.DIFFERENT
    if _are_words(*pair, left, right):
        return verdict(left.casefold() == right.casefold())
    if _squeezed(left) == _squeezed(right):
        return Verdict.EQUAL
    if max(len(left), len(right)) > MAX_CHARS:
        return Verdict.UNDECIDED
    try:
        left, right = align(left, right)
        if _squeezed(left) == _squeezed(right):
            return Verdict.EQUAL
        return match(read_form(left), read_form(right), comparators(tolerance))
    except TooLarge:
        return Verdict.UNDECIDED


def _are_words(gold: str, answer: str, left: str, right: str) -> bool:
    """Whether two short texts are words; read as algebra they would be products of the same letters."""
    if not (_PAIR.fullmatch(left) and _PAIR.fullmatch(right)):
        return False
    return (left.isupper() and right.isupper()) or all(_TEXT.search(text) for text in (gold, answer))


def comparators(tolerance: float) -> Comparators:
    """Comparators of values and relations that `decide` uses."""
    return Comparators(partial(compare_atoms, tolerance=tolerance), misfit, compare_relations)


def compare_atoms(left: str, right: str, tolerance: float) -> Decision:
    """Decide two values, or return None if that takes real numbers or a parser.

    Raises:
        TooLarge: a number is too large to compute.
    """
    if left == right or _squeezed(left) == _squeezed(right):
        return Verdict.EQUAL
    ratios = _RATIO.fullmatch(left), _RATIO.fullmatch(right)
    # 3:15 alone is a time of day. Compared with 1:5, which no clock shows, it is a ratio.
    is_time = is_clock(left) or is_clock(right)
    if ratios[0] and ratios[1] and not (is_time and all(len(ratio[2]) == 2 for ratio in ratios if ratio)):
        return verdict(int(ratios[0][1]) * int(ratios[1][2]) == int(ratios[1][1]) * int(ratios[0][2]))
    if _SCORE.fullmatch(left) and _SCORE.fullmatch(right):
        return Verdict.DIFFERENT
    numbers = partial(compare_numbers, tolerance=tolerance)
    if (summed := terms(left, right)) and compare_atoms(*summed, tolerance) is Verdict.EQUAL:
        return Verdict.EQUAL
    return compare_values(read_atom(left), read_atom(right), numbers)


def misfit(text: str) -> Decision:
    """Decide a value against a structure."""
    atom = read_atom(text)
    if not isinstance(atom, Unread):
        return Verdict.DIFFERENT
    return Verdict.UNDECIDED if atom.malformed else None


def compare_numbers(left: Expr, right: Expr, tolerance: float) -> Decision:
    """Decide two expressions by their exact values, or return None if one is not rational.

    Raises:
        TooLarge: an expression without variables has a value too large to compute.
    """
    names = symbols(left) | symbols(right)
    is_tolerant = not names and has_decimal(left) and has_decimal(right)
    told = 0
    for point in exact_points(left, right):
        try:
            one, other = rational_value(left, point), rational_value(right, point)
        except Irrational:
            return None
        except Undefined:
            continue
        except TooLarge:
            # With variables, smaller points may decide.
            if names:
                return None
            if (reduced := cancel_factorials(left, right)) is None:
                raise
            try:
                one, other = (rational_value(side, point) for side in reduced)
            except (Irrational, Undefined):
                return None
        is_same = agree(one, other, tolerance) if is_tolerant else one == other
        if not is_same and not (not names and _is_printed(left, right, one, other)):
            return Verdict.DIFFERENT
        told += 1
    if told >= (ENOUGH if names else 1):
        return Verdict.EQUAL
    return None if names else Verdict.UNDECIDED


def _is_printed(left: Expr, right: Expr, one: Fraction, other: Fraction) -> bool:
    """Whether a decimal of 15 digits is the floating-point output for a fraction without an exact decimal."""
    fraction, decimal = (one, other) if has_decimal(right) else (other, one)
    if has_decimal(left) == has_decimal(right) or not isinstance(right if has_decimal(right) else left, Num):
        return False
    is_periodic = 10**_PRINTED_DIGITS % fraction.denominator != 0
    return is_periodic and abs(fraction - decimal) * 2 * 10**_PRINTED_DIGITS <= abs(fraction)


def compare_relations(left: Relation, right: Relation) -> Decision:
    """Decide two relations: equations are equal up to a constant factor, inequalities up to a positive one.

    Raises:
        TooLarge: see `compare_numbers`.
    """
    differences = comparable(left, right)
    if differences is None:
        return Verdict.DIFFERENT
    try:
        factor = rational_factor(*differences)
    except Irrational:
        return None
    return verdict(factor is not None and (factor > 0 or is_symmetric(left)))


def rational_factor(left: Expr, right: Expr) -> Fraction | None:
    """Find the c other than 0 with left = c * right at all points; None if there is none, as for a zero side.

    Raises:
        Irrational: a value is not rational, or there are too few points; another method may decide.
    """
    values: list[tuple[Fraction, Fraction]] = []
    for point in exact_points(left, right):
        try:
            values.append((rational_value(left, point), rational_value(right, point)))
        except Undefined:
            continue
        except TooLarge:
            raise Irrational("too large to be computed exactly") from None
    if any(bool(one) != bool(other) for one, other in values):
        return None
    told = [(one, other) for one, other in values if one]
    ratios = {one / other for one, other in told}
    if len(ratios) > 1:
        return None
    if len(told or values) < ENOUGH:
        raise Irrational("too few points")
    return next(iter(ratios), None)


def is_symmetric(relation: Relation) -> bool:
    """Whether the sides of the relation can be exchanged."""
    return relation.operators in (("=",), (r"\neq",))


def comparable(left: Relation, right: Relation) -> tuple[Expr, Expr] | None:
    """Left side minus right side of each, if both are the same relation between expressions in variables."""
    differences = _difference(left), _difference(right)
    one, other = differences
    if left.operators != right.operators or one is None or other is None:
        return None
    return (one, other) if unknowns(one) and unknowns(other) else None


def _difference(relation: Relation) -> Expr | None:
    if relation.operators not in (("=",), (r"\neq",), ("<",), (r"\leq",)):
        return None
    values: list[Expr] = []
    for side in relation.sides:
        atom = read_atom(side.text) if isinstance(side, Value) else None
        if not isinstance(atom, Quantity) or atom.unit is not None:
            return None
        values.append(atom.value)
    return Call("+", (values[0], Call("neg", (values[1],))))


def _squeezed(text: str) -> str:
    """Remove the blanks without meaning: next to a sign, and in "3 t"."""
    return _BETWEEN.sub("", text)
