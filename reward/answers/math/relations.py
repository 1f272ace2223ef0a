"""Reads equations, inequalities and approximations; their parts are read by a given function."""

import re
from collections.abc import Callable

from reward.answers.compare.real_sets import bound_of, union
from reward.answers.compare.rounding import is_rounding

from .brackets import RELATIONS, split
from .forms import Assigned, Collection, Form, Interval, Named, Relation, Rounded, Value
from .names import has_unknowns, mentions, name_of, quantity_of
from .numbers import read_number

_APPROXIMATE = frozenset((r"\approx", r"\sim", r"\simeq", r"\cong"))
_UNEQUAL = frozenset(("<", ">", r"\leq", r"\geq", r"\neq"))
_ABSOLUTE = re.compile(r"\| ?([^|]{1,20}?) ?\|")


def read_relation(text: str, read: Callable[[str], Form]) -> Form | None:
    """Read a relation, None if `text` is none; `read` reads its sides."""
    separated = split(text, RELATIONS)
    if separated is None or not separated[1]:
        return None
    parts, operators = separated
    if operators[0] == "=" and not parts[0]:
        parts, operators = parts[1:], operators[1:]
        return read("=".join(parts)) if set(operators) <= {"="} else None
    if operators[-1] == r"\approx" and all(parts) and is_rounding(parts[-1], parts[-2]):
        return _rounded(parts, operators, read)
    is_approximate = operators[0] == r"\approx" or (operators[0] in _APPROXIMATE and not parts[0])
    if is_approximate and len(parts) == 2 and parts[1]:
        return Relation((r"\approx",), (Value(parts[0]), read(parts[1])))
    if not parts[0] and len(parts) == 2 and parts[1] and operators[0] in _UNEQUAL:
        return Relation((operators[0],), (Value(""), read(parts[1])))
    if not all(parts):
        return None
    sides = tuple(read(part) for part in parts)
    if operators == [r"\in"] and not isinstance(sides[1], Value) and (name := name_of(parts[0])):
        return Named(name, sides[1], None)
    if operators == [r"\in"] and (members := _assigned_members(*sides)):
        return members
    if operators == ["="]:
        return _equation(parts, sides)
    if set(operators) == {"="} and (assigned := _all_equal(parts, sides[-1])):
        return assigned
    if set(operators) == {"="} and (name := name_of(parts[0]) or quantity_of(parts[0])):
        return Named(name, Relation(tuple(operators[1:]), sides[1:]), None)
    return _inequality(parts, operators, sides) or Relation(tuple(operators), sides)


def _rounded(parts: list[str], operators: list[str], read: Callable[[str], Form]) -> Form:
    exact = read("".join(part + sign for part, sign in zip(parts, [*operators[:-1], ""], strict=False)))
    decimal = Value(parts[-1])
    if isinstance(exact, Named):
        return Named(exact.name, Rounded(exact.form, decimal), None)
    return Rounded(exact, decimal)


def _equation(parts: list[str], sides: tuple[Form, ...]) -> Form:
    relation = Relation(("=",), sides)
    for this, other in ((0, 1), (1, 0)):
        name = name_of(parts[this])
        if name is not None and not mentions(parts[other], name):
            return Named(name, sides[other], Relation(("=",), (sides[this], sides[other])))
        if isinstance(sides[this], Collection) and isinstance(sides[other], Collection):
            assigned = _assigned(sides[this], sides[other])
            if assigned is not None:
                return assigned
    for this, other in ((0, 1), (1, 0)):
        name = quantity_of(parts[this])
        if name is not None and not has_unknowns(parts[other]):
            return Named(name, sides[other], relation)
    return relation


def _assigned(left: Form, right: Form) -> Assigned | None:
    if not (isinstance(left, Collection) and isinstance(right, Collection)):
        return None
    if left.kind != "tuple" or right.kind != "tuple" or len(left.parts) != len(right.parts):
        return None
    names = [name_of(part.text) if isinstance(part, Value) else None for part in left.parts]
    known = [name for name in names if name is not None]
    return Assigned(tuple(known), right.parts) if len(known) == len(set(known)) == len(names) else None


def _assigned_members(left: Form, right: Form) -> Form | None:
    """Read `(x, y) \\in \\{(1, 2), (2, 1)\\}` as the set of these assignments."""
    if not isinstance(right, Collection) or right.kind != "set" or not right.parts:
        return None
    members = [_assigned(left, part) if isinstance(part, Collection) else None for part in right.parts]
    known = tuple(member for member in members if member is not None)
    return Collection("set", known) if len(known) == len(members) else None


def _all_equal(parts: list[str], value: Form) -> Assigned | None:
    """Read `x = y = z = 0`, which assigns one value without unknowns to each name."""
    candidates = [name_of(part) for part in parts[:-1]]
    names = sorted(name for name in candidates if name is not None)
    if len(set(names)) < len(candidates) or not isinstance(value, Value) or has_unknowns(value.text):
        return None
    return Assigned(tuple(names), (value,) * len(names))


def _inequality(parts: list[str], operators: list[str], sides: tuple[Form, ...]) -> Form | None:
    if set(operators) <= {">", r"\geq"}:
        parts, sides = parts[::-1], sides[::-1]
        operators = ["<" if operator == ">" else r"\leq" for operator in operators[::-1]]
    if not set(operators) <= {"<", r"\leq"}:
        return _unequal(parts, operators, sides)
    relation = Relation(tuple(operators), sides)
    closed = [operator == r"\leq" for operator in operators]
    if (bounded := _absolute(parts, sides, closed)) is not None:
        return bounded
    if (ring := _ring(parts, sides, closed)) is not None:
        return ring
    names = [name_of(part) for part in parts]
    if len(parts) == 3 and names[1]:
        return Named(names[1], Interval(sides[0], sides[2], (closed[0], closed[1])), None)
    if len(parts) == 2 and names[0] and not names[1]:
        return Named(names[0], Interval(Value(r"-\infty"), sides[1], (False, closed[0])), relation)
    if len(parts) == 2 and names[1] and not names[0]:
        return Named(names[1], Interval(sides[0], Value(r"\infty"), (closed[0], False)), relation)
    return relation


def _unequal(parts: list[str], operators: list[str], sides: tuple[Form, ...]) -> Form | None:
    if operators != [r"\neq"]:
        return None
    for this, other in ((0, 1), (1, 0)):
        name = name_of(parts[this])
        if name and not name_of(parts[other]):
            below = Interval(Value(r"-\infty"), sides[other], (False, False))
            above = Interval(sides[other], Value(r"\infty"), (False, False))
            return Named(name, union((below, above)), None)
    return None


def _absolute(parts: list[str], sides: tuple[Form, ...], closed: list[bool]) -> Form | None:
    """Read `|x| < 3` as the range from -3 to 3, and `3 < |x|` as the two ranges outside it."""
    matches = [_ABSOLUTE.fullmatch(part) for part in parts]
    bounds = [read_number(part) for part in parts]
    for this, other in ((0, 1), (1, 0)):
        bar, bound = matches[this], bounds[other]
        if len(parts) != 2 or bar is None or bound is None or bound.value <= 0 or not name_of(bar[1]):
            continue
        name, far, near = str(name_of(bar[1])), sides[other], Value(f"-{parts[other]}")
        if this == 0:
            return Named(name, Interval(near, far, (closed[0], closed[0])), None)
        below = Interval(Value(r"-\infty"), near, (False, closed[0]))
        return Named(name, union((below, Interval(far, Value(r"\infty"), (closed[0], False)))), None)
    return None


def _ring(parts: list[str], sides: tuple[Form, ...], closed: list[bool]) -> Form | None:
    """Read `1 < |x| < 3` as two ranges, one on each side of zero."""
    bar = _ABSOLUTE.fullmatch(parts[1]) if len(parts) == 3 else None
    low, high = bound_of(sides[0]), bound_of(sides[-1])
    if bar is None or low is None or high is None or not 0 <= low < high or not name_of(bar[1]):
        return None
    below = Interval(Value(f"-{parts[2]}"), Value(f"-{parts[0]}"), (closed[1], closed[0]))
    return Named(
        str(name_of(bar[1])), union((below, Interval(sides[0], sides[2], (closed[0], closed[1])))), None
    )
