"""Compares two structured answers part by part."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from reward.answers.math.forms import (
    Assigned,
    Builder,
    Collection,
    Form,
    Interval,
    Matrix,
    Named,
    Relation,
    Rounded,
    Value,
)
from reward.types import Verdict

MAX_UNORDERED = 64
_UNKNOWNS = frozenset("xyztrkmnpquvwXYZ\\")
_LABEL = re.compile(
    r"(\\(?:arc)?(?:sin|cos|tan|cot|sec|csc)h?|\\ln|\\log(?: ?_ ?(?:\w|\{[^{}]*\}))?|\\exp) ?(\([^=]+\)|[^-+=^()*/]+)"
)
_NO_MEANING = re.compile(r"[ (){}]")
Decision = Verdict | None
"""Verdict of a comparison, or None if only a stronger comparison can decide."""


@dataclass(frozen=True)
class Comparators:
    """Functions that compare atoms and two-sided relations.

    `misfit` decides a value against a shape that no value has: DIFFERENT, unless the value was not understood.
    """

    atom: Callable[[str, str], Decision]
    misfit: Callable[[str], Decision]
    relation: Callable[[Relation, Relation], Decision]


def match(left: Form, right: Form, by: Comparators) -> Decision:
    """Decide whether two forms are equal; symmetric if the comparators are.

    A named value (`x = 5`) equals the value alone. Two named values need the same name, or must be the same equation.
    An open interval equals the tuple of its bounds, and a list the set of its members.
    """
    if left == right and not isinstance(left, Value):
        return Verdict.EQUAL
    if isinstance(left, Value) and isinstance(right, Value):
        return by.atom(left.text, right.text)
    for first, second in ((left, right), (right, left)):
        if isinstance(first, Rounded):
            return any_of(match(form, second, by) for form in (first.exact, first.decimal))
    for first, second in ((left, right), (right, left)):
        if isinstance(first, Builder):
            return _match_builder(first, second, by)
    for first, second in ((left, right), (right, left)):
        if isinstance(first, Relation):
            return _match_relation(first, second, by)
    for first, second in ((left, right), (right, left)):
        if isinstance(first, Named):
            return _match_named(first, second, by)
    for first, second in ((left, right), (right, left)):
        if isinstance(first, Assigned):
            return _match_assigned(first, second, by)
    return _match_plain(left, right, by)


def _match_plain(left: Form, right: Form, by: Comparators) -> Decision:
    if isinstance(left, Interval) or isinstance(right, Interval):
        one, other = _as_interval(left), _as_interval(right)
        return _match_intervals(one, other, by) if one and other else _mismatch(left, right, by)
    if isinstance(left, Collection) and isinstance(right, Collection):
        return _match_collections(left, right, by)
    if isinstance(left, Matrix) and isinstance(right, Matrix):
        return _match_matrices(left, right, by)
    return _mismatch(left, right, by)


def _mismatch(left: Form, right: Form, by: Comparators) -> Decision:
    for form in (left, right):
        if isinstance(form, Value):
            return by.misfit(form.text)
    return Verdict.DIFFERENT


def _match_builder(builder: Builder, other: Form, by: Comparators) -> Decision:
    """Decide two sets: equal if written alike; otherwise undecided unless their members are plain."""
    if isinstance(other, Builder):
        parts = [(builder.condition, other.condition)]
        if not (builder.is_plain and other.is_plain):
            parts.append((builder.head, other.head))
        if builder.domain is not None and other.domain is not None:
            parts.append((builder.domain, other.domain))
        is_same = all_of(match(one, two, by) for one, two in parts)
        if is_same is Verdict.EQUAL and (builder.domain is None) == (other.domain is None):
            return is_same
        return Verdict.DIFFERENT if builder.is_plain and other.is_plain else Verdict.UNDECIDED
    if isinstance(other, Value):
        return by.misfit(other.text)
    is_finite = isinstance(other, Collection) and other.kind in ("set", "list")
    return Verdict.DIFFERENT if builder.is_plain and not is_finite else Verdict.UNDECIDED


def _match_named(named: Named, other: Form, by: Comparators) -> Decision:
    if isinstance(other, Named):
        if named.name == other.name:
            return match(named.form, other.form, by)
        if named.source is not None and other.source is not None:
            return by.relation(named.source, other.source)
        return Verdict.DIFFERENT
    if isinstance(other, Assigned):
        return _match_assigned(other, named, by)
    form = named.form
    if isinstance(other, Collection) and any(isinstance(part, Relation) for part in other.parts):
        return match(_spread(named), other, by)
    if isinstance(other, Collection) and set(_names(other.parts)) - {named.name}:
        return Verdict.DIFFERENT
    if isinstance(other, Collection) and other.kind in ("list", "set") and _names(other.parts):
        if not isinstance(form, Collection) or form.kind not in ("list", "set"):
            return match(named, other.parts[0], by) if len(other.parts) == 1 else Verdict.DIFFERENT
        parts = tuple(Named(named.name, part, None) for part in form.parts)
        return _match_collections(Collection(form.kind, parts, form.joined), other, by)
    # "x = 5" names the only member of {5}.
    if (
        isinstance(form, Value)
        and isinstance(other, Collection)
        and other.kind == "set"
        and len(other.parts) == 1
    ):
        return match(form, other.parts[0], by)
    if (
        isinstance(other, Value)
        and isinstance(form, Collection)
        and form.kind == "set"
        and len(form.parts) == 1
    ):
        return match(form.parts[0], other, by)
    return match(form, other, by)


def _spread(named: Named) -> Form:
    """Expand `y = \\pm x` to the list of `y = x` and `y = -x`."""
    if named.source is None or not isinstance(named.form, Collection) or named.form.kind != "list":
        return named.form
    name = named.source.sides[0]
    return Collection("list", tuple(Relation(("=",), (name, part)) for part in named.form.parts))


def _names(parts: Iterable[Form]) -> list[str]:
    """Unknowns named by the parts."""
    return [part.name for part in parts if isinstance(part, Named)]


def _stems(names: Iterable[str]) -> set[str]:
    """Names without subscripts, which only number the values of one unknown."""
    return {name.partition("_")[0] for name in names}


def _match_assigned(assigned: Assigned, other: Form, by: Comparators) -> Decision:
    if isinstance(other, Assigned):
        if set(assigned.names) != set(other.names):
            return Verdict.DIFFERENT
        values = dict(zip(other.names, other.values, strict=True))
        pairs = zip(assigned.values, (values[name] for name in assigned.names), strict=True)
        return all_of(match(one, two, by) for one, two in pairs)
    if isinstance(other, Named):
        is_same = _root_of(assigned.names) == other.name and isinstance(other.form, Collection)
        return _match_assigned(assigned, other.form, by) if is_same else Verdict.DIFFERENT
    if not isinstance(other, Collection):
        return _mismatch(assigned, other, by)
    if other.kind == "tuple":
        pairs = zip(assigned.names, assigned.values, strict=True)
        ordered = sorted(pairs, key=itemgetter(0)) if assigned.listed else pairs
        return _match_ordered([Named(name, value, None) for name, value in ordered], other.parts, by)
    named = [Named(name, value, None) for name, value in zip(assigned.names, assigned.values, strict=True)]
    if other.kind in ("list", "set") and _root_of(assigned.names):
        return _match_unordered(named, other.parts, by)
    # Labels before values are usually left out, and the values keep their order.
    is_listed = other.kind == "list" and assigned.listed and not other.joined
    return _match_ordered(named, other.parts, by) if is_listed else Verdict.DIFFERENT


def _root_of(names: Sequence[str]) -> str | None:
    """Unknown whose solutions are called `x_1`, `x_2`; terms of a sequence do not count, being ordered."""
    stems = {name.partition("_")[0] for name in names}
    indices = sorted(name.partition("_")[2] for name in names)
    stem = next(iter(stems))
    is_root = stem[:1] in _UNKNOWNS and indices == [str(index) for index in range(1, len(names) + 1)]
    return stem if len(stems) == 1 and is_root else None


def _match_relation(relation: Relation, other: Form, by: Comparators) -> Decision:
    if isinstance(other, Named) and other.source is not None:
        other = other.source
    if isinstance(other, Relation):
        if len(relation.sides) == len(other.sides) == 2:
            decision = by.relation(relation, other)
            if decision is not Verdict.DIFFERENT:
                return decision
        if relation.operators != other.operators or _is_trivial(relation) != _is_trivial(other):
            return Verdict.DIFFERENT
        if not _have_equal_labels(relation, other, by):
            return Verdict.DIFFERENT
        decision = _match_ordered(relation.sides, other.sides, by)
        is_symmetric = set(relation.operators) <= {"=", r"\neq", r"\approx"}
        if decision is Verdict.DIFFERENT and is_symmetric:
            return _match_ordered(relation.sides, other.sides[::-1], by)
        return decision
    if set(relation.operators) == {"="}:
        return _match_chain(relation, other, by)
    return _mismatch(relation, other, by)


def _is_trivial(relation: Relation) -> bool:
    """Whether both sides are the same text, which says less than any other identity."""
    texts = {_NO_MEANING.sub("", side.text) if isinstance(side, Value) else side for side in relation.sides}
    return len(texts) == 1


def _have_equal_labels(relation: Relation, other: Relation, by: Comparators) -> bool:
    """Whether two relations that give a function's value at an argument are about the same argument."""
    label, against = _label(relation), _label(other)
    if label is None or against is None:
        return True
    return label[1] == against[1] and by.atom(label[2], against[2]) is not Verdict.DIFFERENT


def _label(relation: Relation) -> re.Match[str] | None:
    matches = [_LABEL.fullmatch(side.text) for side in relation.sides if isinstance(side, Value)]
    labels = [label for label in matches if label]
    return labels[0] if len(labels) == 1 else None


def _match_chain(chain: Relation, other: Form, by: Comparators) -> Decision:
    """Decide a chain such as `2 + 3 = 5`, which is 5 because its sides agree; `17 = 18` has no value."""
    agree = all_of(match(chain.sides[0], side, by) for side in chain.sides[1:])
    if agree is not Verdict.EQUAL:
        return agree
    return Verdict.DIFFERENT if isinstance(other, Named) else match(chain.sides[-1], other, by)


def _as_interval(form: Form) -> Interval | None:
    if isinstance(form, Collection) and form.kind == "tuple" and len(form.parts) == 2:
        return Interval(form.parts[0], form.parts[1], (False, False))
    return form if isinstance(form, Interval) else None


def _match_intervals(left: Interval, right: Interval, by: Comparators) -> Decision:
    if left.closed != right.closed:
        return Verdict.DIFFERENT
    return _match_ordered((left.low, left.high), (right.low, right.high), by)


def _match_matrices(left: Matrix, right: Matrix, by: Comparators) -> Decision:
    if left.is_determinant != right.is_determinant or list(map(len, left.rows)) != list(map(len, right.rows)):
        return Verdict.DIFFERENT
    rows = zip(left.rows, right.rows, strict=True)
    return all_of(_match_ordered(one, two, by) for one, two in rows)


def _match_collections(left: Collection, right: Collection, by: Comparators) -> Decision:
    kinds = {left.kind, right.kind}
    if kinds == {"tuple"}:
        return _match_ordered(left.parts, right.parts, by)
    if {left.joined, right.joined} == {"and", "or"}:
        return Verdict.DIFFERENT
    if kinds <= {"list", "set"}:
        if {len(_stems(_names(side.parts))) > 1 for side in (left, right)} == {True, False}:
            return Verdict.DIFFERENT
        sides = [
            _distinct(side.parts, by) if _ignores_repeats(side) else side.parts for side in (left, right)
        ]
        return _match_unordered(sides[0], sides[1], by)
    return _match_unordered(left.parts, right.parts, by) if len(kinds) == 1 else Verdict.DIFFERENT


def _ignores_repeats(collection: Collection) -> bool:
    """Whether repeated parts count once, as in a set and in a list of points."""
    return collection.kind == "set" or all(
        isinstance(part, Collection) and part.kind == "tuple" for part in collection.parts
    )


def _distinct(parts: Sequence[Form], by: Comparators) -> Sequence[Form]:
    kept: list[Form] = []
    for part in dict.fromkeys(parts):
        if len(parts) > MAX_UNORDERED or all(match(part, other, by) is not Verdict.EQUAL for other in kept):
            kept.append(part)
    return kept


def _match_ordered(left: Sequence[Form], right: Sequence[Form], by: Comparators) -> Decision:
    if len(left) != len(right):
        return Verdict.DIFFERENT
    return all_of(match(one, two, by) for one, two in zip(left, right, strict=True))


def _match_unordered(left: Sequence[Form], right: Sequence[Form], by: Comparators) -> Decision:
    if len(left) != len(right):
        return Verdict.DIFFERENT
    ours, theirs = Counter(left), Counter(right)
    here, there = list((ours - theirs).elements()), list((theirs - ours).elements())
    if len(here) > MAX_UNORDERED:
        return Verdict.UNDECIDED
    decisions = [[match(one, two, by) for two in there] for one in here]
    for allowed in (
        (Verdict.EQUAL,),
        (Verdict.EQUAL, Verdict.UNDECIDED),
        (Verdict.EQUAL, Verdict.UNDECIDED, None),
    ):
        if _has_perfect_matching([[decision in allowed for decision in row] for row in decisions]):
            return allowed[-1]
    return Verdict.DIFFERENT


def _has_perfect_matching(allowed: list[list[bool]]) -> bool:
    partner: dict[int, int] = {}

    def augment(row: int, seen: set[int]) -> bool:
        for column, is_allowed in enumerate(allowed[row]):
            if is_allowed and column not in seen:
                seen.add(column)
                if column not in partner or augment(partner[column], seen):
                    partner[column] = row
                    return True
        return False

    return all(augment(row, set()) for row in range(len(allowed)))


def all_of(decisions: Iterable[Decision]) -> Decision:
    """Combine the decisions on all parts of a whole; one DIFFERENT part decides it."""
    result: Decision = Verdict.EQUAL
    for decision in decisions:
        if decision is Verdict.DIFFERENT:
            return decision
        if decision is None or (decision is Verdict.UNDECIDED and result is not None):
            result = decision
    return result


def any_of(decisions: Iterable[Decision]) -> Decision:
    """Combine the decisions on several readings of an answer; one EQUAL reading suffices."""
    kinds = set(decisions)
    for decision in (Verdict.EQUAL, None, Verdict.UNDECIDED):
        if decision in kinds:
            return decision
    return Verdict.DIFFERENT
