"""Decides the equivalence of any two answers; meant for the verifier's child process."""

from functools import partial

from reward.answers.formats.lettered import without_letters
from reward.answers.math.atoms import read_atom
from reward.answers.math.forms import Matrix, Relation, Value
from reward.answers.math.normalise import normalise
from reward.answers.math.structure import read_form
from reward.answers.math.tree import Expr
from reward.types import Verdict

from .align import align
from .exact import (
    comparable,
    compare_atoms,
    compare_numbers,
    compare_relations,
    decide,
    is_symmetric,
    misfit,
)
from .match import Comparators, match
from .math_verify import compare_parsed
from .numeric import TooFewPoints, factor, identical
from .rational import TooLarge, tolerates
from .values import compare_values, verdict


def compare(gold: str, answer: str, tolerance: float = 1e-6) -> Verdict:
    """Compare a pair, symmetrically; it may not return, see `reward.answers.compare.math_verify`.

    Pairs that `reward.answers.compare.exact` cannot decide are compared part by part. Expressions of known operations
    are compared by their values to 50 and 400 digits, at pseudo-random points if they have variables. Other LaTeX is
    compared by math-verify. Text that does not parse or cannot be evaluated is UNDECIDED.

    Raises:
        MemoryError: the comparison took more memory than the process may have.
    """
    decision = decide(gold, answer, tolerance)
    if decision is not None:
        return decision
    # Sorted, because the order of arguments must change neither the verdict nor the time.
    pair = without_letters(gold, answer)
    if isinstance(pair, Verdict):
        return pair
    left, right = align(*sorted(map(normalise, pair)))
    forms = read_form(left), read_form(right)
    if {type(form) for form in forms} == {Matrix, Value}:
        return compare_parsed(left, right, tolerance)
    by = Comparators(partial(_compare_atoms, tolerance=tolerance), _misfit, _compare_relations)
    try:
        decision = match(*forms, by)
    except TooLarge:
        return Verdict.UNDECIDED
    assert decision is not None
    return decision


def _compare_atoms(left: str, right: str, tolerance: float) -> Verdict:
    decision = compare_atoms(left, right, tolerance)
    if decision is None:
        numbers = partial(_compare_numbers, tolerance=tolerance)
        decision = compare_values(read_atom(left), read_atom(right), numbers)
    return compare_parsed(left, right, tolerance) if decision is None else decision


def _compare_numbers(left: Expr, right: Expr, tolerance: float) -> Verdict:
    decision = compare_numbers(left, right, tolerance)
    if decision is not None:
        return decision
    is_same = identical(left, right, tolerance if tolerates(left, right) else None)
    return Verdict.UNDECIDED if is_same is None else verdict(is_same)


def _compare_relations(left: Relation, right: Relation) -> Verdict:
    decision = compare_relations(left, right)
    if decision is not None:
        return decision
    differences = comparable(left, right)
    assert differences is not None
    try:
        ratio = factor(*differences)
    except TooFewPoints:
        return Verdict.UNDECIDED
    return verdict(ratio is not None and (ratio > 0 or is_symmetric(left)))


def _misfit(text: str) -> Verdict:
    return misfit(text) or Verdict.UNDECIDED
