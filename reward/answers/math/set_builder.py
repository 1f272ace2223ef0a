"""Reads sets given by a condition: `{x in D : condition}`."""

import re
from collections.abc import Callable

from reward.answers.compare.real_sets import LINE, integers_in, intersection

from .forms import Builder, Collection, Form, Interval, Named, Value
from .names import name_of
from .numbers import read_number

_DOMAIN = re.compile(r"(.+?) ?\\in(?![A-Za-z]) ?(.+)", re.DOTALL)
_WRITING = re.compile(r"\\mathbb|[{} ]")
_POSITIVE = Interval(Value("0"), Value(r"\infty"), (False, False))
# Conventions differ on whether zero is a natural number, so \mathbb{N} alone gives no least member.
_INTEGERS = {"Z": None, "N": None, "Z^+": 1, "Z_+": 1, "Z_>0": 1, "N^+": 1, "N_+": 1, "N^*": 1}
_REALS = {"R": LINE, "R^+": _POSITIVE, "R_+": _POSITIVE}


def read_builder(head: str, condition: Form, read: Callable[[str], Form]) -> Form | None:
    """Read the set of all `head` with `condition`; None if that is no condition, as in the ratio 3:4.

    It is a range if the domain is real or not stated, and a set of integers if that set is finite.

    Raises:
        TooLarge: a bound is too large to compute.
    """
    if isinstance(condition, Value):
        return None
    membership = _DOMAIN.fullmatch(head)
    pattern = read(membership[1] if membership else head)
    name = name_of(pattern.text) if isinstance(pattern, Value) else None
    domain = _domain(membership[2], read) if membership else None
    if isinstance(pattern, Named) and domain is None:
        name, domain = pattern.name, pattern.form
    if name is None or not isinstance(condition, Named) or condition.name != name:
        return Builder(pattern, domain, condition, is_plain=False)
    if domain is None or domain == LINE:
        return _as_set(condition.form)
    if isinstance(domain, Interval | Collection):
        return intersection((domain, condition.form)) or Collection("set", ())
    members = condition.form
    if isinstance(domain, Value) and domain.text in _INTEGERS:
        members = integers_in(members, _INTEGERS[domain.text]) or members
        if isinstance(members, Collection) and members.kind == "set" and _are_certain(members, domain.text):
            return members
    return Builder(Value(name), domain, members, is_plain=True)


def _as_set(members: Form) -> Form:
    if isinstance(members, Value):
        return Collection("set", (members,))
    is_list = isinstance(members, Collection) and members.kind == "list"
    return Collection("set", members.parts) if is_list else members


def _domain(text: str, read: Callable[[str], Form]) -> Form:
    bare = _WRITING.sub("", text)
    if bare in _INTEGERS:
        return Value(bare)
    return _REALS[bare] if bare in _REALS else read(text)


def _are_certain(members: Collection, domain: str) -> bool:
    numbers = [read_number(part.text) for part in members.parts if isinstance(part, Value)]
    return domain == "Z" or all(number is not None and number.value > 0 for number in numbers)
