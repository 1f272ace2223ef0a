"""Unions, intersections and differences of sets of real numbers with rational bounds, in a canonical form."""

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

from reward.answers.math.atoms import Quantity, read_atom
from reward.answers.math.forms import Collection, Form, Interval, Value
from reward.answers.math.tree import symbols

from .rational import Irrational, Undefined, rational_value

MAX_PIECES = 64
_MAX_BITS = 200
"""Size in bits of the largest integer bound that is written out."""
_INFINITIES = {r"-\infty": -math.inf, r"\infty": math.inf, r"+\infty": math.inf}
# A cut of the number line just before a number (0) or just after it (1); a piece lies between two cuts.
_Cut = tuple[Fraction | float, int]
_Piece = tuple[_Cut, _Cut]
LINE = Interval(Value(r"-\infty"), Value(r"\infty"), (False, False))


def union(sets: Sequence[Form]) -> Form:
    """Union of `sets`; a `Collection` of them if their bounds are not rational.

    Raises:
        TooLarge: a bound is too large to compute.
    """
    pieces = [_pieces(form) for form in sets]
    known = [piece for one in pieces if one is not None for piece in one]
    return _form(_merged(known), sets) if None not in pieces else Collection("union", tuple(sets))


def intersection(sets: Sequence[Form]) -> Form | None:
    """Intersection of `sets`; None if it is empty, a `Collection` if their bounds are not rational.

    Raises:
        TooLarge: a bound is too large to compute.
    """
    common: list[_Piece] = [((-math.inf, 1), (math.inf, 0))]
    for form in sets:
        pieces = _pieces(form)
        if pieces is None:
            return Collection("intersection", tuple(sets))
        common = _overlap(common, pieces)
    return _form(common, sets) if common else None


def difference(whole: Form, removed: Form) -> Form | None:
    """Difference of `whole` and `removed`; None if their bounds are not rational.

    Raises:
        TooLarge: a bound is too large to compute.
    """
    kept, gone = _pieces(whole), _pieces(removed)
    if kept is None or gone is None:
        return None
    cuts: list[_Cut] = [(-math.inf, 1), *(cut for piece in _merged(gone) for cut in piece), (math.inf, 0)]
    gaps = [(low, high) for low, high in zip(cuts[::2], cuts[1::2], strict=True) if low < high]
    return _form(_overlap(kept, gaps), (whole, removed))


def integers_in(form: Form, least: int | None) -> Form | None:
    """Integers in `form`: their set if they are few, else the interval with integer bounds.

    None if the bounds of `form` are not rational, or if neither `form` nor `least` gives a lower bound.

    Raises:
        TooLarge: a bound is too large to compute.
    """
    pieces = _pieces(form)
    if pieces is None or len(pieces) != 1:
        return None
    (low, before), (high, after) = pieces[0]
    first = low if isinstance(low, float) else math.floor(low) + 1 if before else math.ceil(low)
    last = high if isinstance(high, float) else math.floor(high) if after else math.ceil(high) - 1
    if any(isinstance(end, int) and end.bit_length() > _MAX_BITS for end in (first, last)):
        return None
    if least is not None:
        first = max(first, least)
    if not isinstance(first, int) or not isinstance(last, int):
        ends = [Value(f"{end:d}") if isinstance(end, int) else None for end in (first, last)]
        low_end, high_end = ends[0] or LINE.low, ends[1] or LINE.high
        return Interval(low_end, high_end, (ends[0] is not None, ends[1] is not None))
    if last - first >= MAX_PIECES:
        return None
    return Collection("set", tuple(Value(f"{number:d}") for number in range(first, last + 1)))


def _pieces(form: Form) -> list[_Piece] | None:
    if isinstance(form, Interval):
        low, high = bound_of(form.low), bound_of(form.high)
        closed = form.closed
    elif isinstance(form, Collection) and form.kind == "tuple" and len(form.parts) == 2:
        low, high = map(bound_of, form.parts)
        closed = (False, False)
    elif isinstance(form, Collection) and form.kind in ("set", "union") and len(form.parts) <= MAX_PIECES:
        return _pieces_of(form)
    else:
        return None
    if low is None or high is None or low > high:
        return None
    if (closed[0] and math.isinf(low)) or (closed[1] and math.isinf(high)):
        return None
    start, end = (low, 0 if closed[0] else 1), (high, 1 if closed[1] else 0)
    return [(start, end)] if start < end else []


def _pieces_of(collection: Collection) -> list[_Piece] | None:
    pieces_found: list[_Piece] = []
    for part in collection.parts:
        if collection.kind == "set":
            point = bound_of(part)
            pieces = [((point, 0), (point, 1))] if isinstance(point, Fraction) else None
        else:
            pieces = _pieces(part)
        if pieces is None:
            return None
        pieces_found.extend(pieces)
    return pieces_found


def bound_of(form: Form) -> Fraction | float | None:
    """Value of a form that is a rational number or infinity; None if it is neither.

    Raises:
        TooLarge: the value is too large to compute.
    """
    if not isinstance(form, Value):
        return None
    if form.text in _INFINITIES:
        return _INFINITIES[form.text]
    atom = read_atom(form.text)
    if not isinstance(atom, Quantity) or atom.unit is not None or symbols(atom.value):
        return None
    try:
        return rational_value(atom.value, {})
    except (Irrational, Undefined):
        return None


def _merged(pieces: Iterable[_Piece]) -> list[_Piece]:
    merged: list[_Piece] = []
    for low, high in sorted(pieces):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged


def _overlap(left: Iterable[_Piece], right: Sequence[_Piece]) -> list[_Piece]:
    common = [(max(a[0], b[0]), min(a[1], b[1])) for a in left for b in right]
    return _merged((low, high) for low, high in common if low < high)


def _form(pieces: Sequence[_Piece], sources: Sequence[Form]) -> Form:
    """Build a form from pieces, with bounds spelled as in `sources`."""
    written: dict[Fraction | float, Form] = {-math.inf: LINE.low, math.inf: LINE.high}
    written.update(
        (value, end) for form in sources for end, value in _bounds(form) if not isinstance(value, float)
    )
    points = tuple(written[low[0]] for low, high in pieces if low[0] == high[0])
    intervals = tuple(
        Interval(written[low[0]], written[high[0]], (low[1] == 0, high[1] == 1))
        for low, high in pieces
        if low[0] != high[0]
    )
    if not intervals:
        return Collection("set", points)
    if len(intervals) == 1 and not points:
        return intervals[0]
    return Collection("union", (*intervals, Collection("set", points)) if points else intervals)


def _bounds(form: Form) -> list[tuple[Form, Fraction | float]]:
    if isinstance(form, Interval):
        ends: Sequence[Form] = (form.low, form.high)
    elif isinstance(form, Collection) and form.kind in ("tuple", "set"):
        ends = form.parts
    else:
        return (
            [bound for part in form.parts for bound in _bounds(part)] if isinstance(form, Collection) else []
        )
    return [(end, value) for end in ends if (value := bound_of(end)) is not None]
