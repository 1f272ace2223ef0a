"""Decides whether a relation between two closed expressions holds under any reading of the notation."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from reward.answers.math.units import conversion, is_plural, singular

from .nodes import PLAIN, Node, Number, Operation, Reading, Undecided, Value, evaluate, is_bare, numbers

_CLOSE = 1e-9
_FLOAT_DIGITS = 12
"""Significant digits of a decimal from which it counts as the output of a program."""
_ROUGHLY = Fraction(1, 200)
_MAP_SCALE = 1000
"""Ratio of two lengths from which they are on a map and in the world: 1 cm = 5 km."""
_LENGTH = (("length", 1),)
_UNIT_TOLERANCE = Fraction(3, 100)
"""Relative error of a rule of thumb such as 5 miles = 8 km, and of 1 GB = 1024 MB."""


@dataclass(slots=True)
class Context:
    """Facts about the text of a claim: whether it `rounds` to whole numbers, and the exact values of its decimals."""

    rounds: bool = False
    exact: dict[Fraction | int, Value] = field(default_factory=dict)


def holds(left: Node, relation: str, right: Node, context: Context, words: Sequence[str] = ()) -> bool | None:
    """Tell whether the relation holds; None if that cannot be decided. `words` follow the claim in the text."""
    if is_bare(left) and is_bare(right):
        return _bare_values(left, relation, right)
    is_known = False
    for one, other in _readings(left, right, context.exact):
        try:
            values = evaluate(left, one), evaluate(right, other)
        except (Undecided, ArithmeticError):
            continue
        is_known = True
        if _related(values, relation, (left, right), (one, other), context):
            return True
    if not is_known or _holds_invented_word(left, right, words):
        return None
    return False


_EXACTLY = Context()
_DEGREES = Reading(pi=180)
_PIS = (Fraction(314, 100), Fraction(22, 7), Fraction(31416, 10000), 180)
"""Values that a text may give to pi; 180 is that of a half turn in degrees."""


def _bare_values(left: Node, relation: str, right: Node) -> bool | None:
    one, other = (_unit(side) for side in (left, right))
    if one.unit is not None and other.unit is not None and conversion(one.unit, other.unit) is not None:
        reading = Reading(converted=True)
        values = _evaluate(left, reading), _evaluate(right, reading)
        if values[0] is None or values[1] is None:
            return None
        if _related((values[0], values[1]), relation, (left, right), (reading, reading), _EXACTLY):
            return True
        error = abs(values[0] - values[1])
        if one.unit.dimension == _LENGTH and error > _MAP_SCALE * min(abs(values[0]), abs(values[1])):
            return None
        return (
            _is_rule_of_thumb(one, other) and relation in "=≈" and error <= _UNIT_TOLERANCE * abs(values[0])
        )
    if one.is_pi != other.is_pi and _evaluate(left, _DEGREES) == _evaluate(right, _DEGREES):
        return True
    plain = _evaluate(left, PLAIN), _evaluate(right, PLAIN)
    if plain[0] is None or plain[1] is None:
        return None
    if _related((plain[0], plain[1]), relation, (left, right), (PLAIN, PLAIN), _EXACTLY):
        return True
    if one.percent != other.percent:
        return _any_percent(left, relation, right)
    is_same = one.unit is None and other.unit is None and _singulars(one) == _singulars(other)
    return False if is_same else None


def _is_rule_of_thumb(one: Number, other: Number) -> bool:
    """Whether two units convert by no whole number, so that people round: 5 miles = 8 km."""
    assert one.unit is not None
    assert other.unit is not None
    ratio = one.unit.factor / other.unit.factor
    is_byte = one.unit.dimension[0][0] == "byte"
    return is_byte or (ratio.denominator != 1 and ratio.numerator != 1)


def _any_percent(left: Node, relation: str, right: Node) -> bool:
    plain = Reading("plain")
    values = _evaluate(left, plain), _evaluate(right, plain)
    assert values[0] is not None
    assert values[1] is not None
    return _related((values[0], values[1]), relation, (left, right), (plain, plain), _EXACTLY)


def _evaluate(node: Node, reading: Reading) -> Value | None:
    try:
        return evaluate(node, reading)
    except (Undecided, ArithmeticError):
        return None


def _unit(node: Node) -> Number:
    """Number that carries the unit of a bare value."""
    return numbers(node)[-1]


def _singulars(number: Number) -> tuple[str, ...]:
    return tuple(map(singular, number.words))


def _readings(
    left: Node, right: Node, exact: Mapping[Fraction | int, Value]
) -> Iterator[tuple[Reading, Reading]]:
    """Yield pairs of readings of the two sides, the usual one first."""
    yield PLAIN, PLAIN
    sides = numbers(left), numbers(right)
    everything = [*sides[0], *sides[1]]
    yield from _percent_readings(left, right)
    if any(_has(side, sign) for side in (left, right) for sign in ("tight", "beside")):
        loose = Reading(tight=False)
        yield from ((loose, PLAIN), (PLAIN, loose), (loose, loose))
    if any(number.scale != 1 for number in everything):
        bare = Reading(scaled=False)
        yield from ((bare, PLAIN), (PLAIN, bare), (bare, bare))
    if any(number.unit for number in everything):
        yield Reading(converted=True), Reading(converted=True)
    if any(number.is_pi for number in everything):
        for pi in _PIS:
            yield Reading(pi=pi), Reading(pi=pi)
    if any(number.places and number.value in exact for number in everything):
        values = dict(exact)
        yield Reading(exact=values), PLAIN
        yield Reading(exact=values), Reading(exact=values)


def _percent_readings(left: Node, right: Node) -> Iterator[tuple[Reading, Reading]]:
    has = [_has_percent(side) for side in (left, right)]
    if not any(has):
        return
    plain, relative = Reading("plain"), Reading("relative")
    yield relative, relative
    if not has[0]:
        yield PLAIN, plain
    elif not has[1] and (_is_sum(left) or _is_of_hundred(left)):
        yield plain, PLAIN
    elif _is_sum(left):
        yield plain, plain


def _is_of_hundred(node: Node) -> bool:
    """Whether the only percentage is 100 %: "3 / 4 * 100% = 75"."""
    return all(number.value == 100 for number in numbers(node) if number.percent)


def _has_percent(node: Node) -> bool:
    if isinstance(node, Number):
        return node.percent
    return node.sign == "%" or any(map(_has_percent, node.args))


def _has(node: Node, sign: str) -> bool:
    return isinstance(node, Operation) and (
        node.sign == sign or any(_has(argument, sign) for argument in node.args)
    )


def _is_sum(node: Node) -> bool:
    if isinstance(node, Number):
        return True
    return node.sign in ("+", "-", "quantity", "unit", "mixed") and all(map(_is_sum, node.args))


def _related(
    values: tuple[Value, Value],
    relation: str,
    nodes: tuple[Node, Node],
    readings: tuple[Reading, Reading],
    context: Context,
) -> bool:
    left, right = values
    equal = _equal(left, right)
    match relation:
        case "<":
            return left < right and not equal
        case ">":
            return left > right and not equal
        case "≤":
            return left <= right or equal
        case "≥":
            return left >= right or equal
        case "≠":
            return not equal
    if equal or (_holds_float(nodes) and abs(left - right) <= _CLOSE * min(abs(right), 10**6)):
        return True
    return any(
        _rounds(value, nodes[side], values[side], readings[side], context, roughly=relation == "≈")
        for side, value in ((1, left), (0, right))
    )


def _holds_float(nodes: tuple[Node, Node]) -> bool:
    """Whether a program may have printed a decimal of the claim: 0.30000000000000004."""
    return any(
        number.places and abs(number.value) * 10**number.places >= 10 ** (_FLOAT_DIGITS - 1)
        for side in nodes
        for number in numbers(side)
    )


def _equal(left: Value, right: Value) -> bool:
    if isinstance(left, float) or isinstance(right, float):
        return math.isclose(left, right, rel_tol=_CLOSE, abs_tol=1e-12)
    return left == right


def _rounds(
    value: Value, literal: Node, shown: Value, reading: Reading, context: Context, *, roughly: bool
) -> bool:
    """Whether the `literal`, worth `shown`, is `value` rounded or cut to the digits that it shows."""
    number = _literal(literal)
    if number is None:
        return roughly and abs(value - shown) <= _ROUGHLY * abs(shown)
    error = abs(value - shown)
    unit = _last_digit(number, roughly=roughly) * _scale(number, reading)
    if roughly and error <= _ROUGHLY * abs(shown):
        return True
    return error < unit and (roughly or number.places > 0 or number.percent or context.rounds)


def _literal(node: Node) -> Number | None:
    """Number that a side consists of, if it shows digits: a part of a unit such as "1/2 hour" does not."""
    while isinstance(node, Operation) and node.sign in ("-", "quantity", "unit"):
        node = node.args[0]
    if not isinstance(node, Number) or node.is_pi:
        return None
    return node if node.places or node.value % 1 == 0 else None


def _last_digit(number: Number, *, roughly: bool) -> Fraction:
    """Unit of the last digit that counts: of the last one shown, or of the last one that is not 0."""
    unit = Fraction(1, 10**number.places)
    if roughly and not number.places and number.value:
        value = int(number.value)
        while value % 10 == 0:
            value, unit = value // 10, unit * 10
    return unit


def _scale(number: Number, reading: Reading) -> Fraction:
    scale = Fraction(number.scale if reading.scaled else 1)
    if number.percent and reading.percent != "plain":
        scale /= 100
    if reading.converted and number.unit is not None:
        scale *= number.unit.factor
    return scale


def _nouns(number: Number) -> tuple[str, ...]:
    """Words after a number that may be an operation; before a plural they tell of which kind: "5 red apples"."""
    return number.words[-1:] if number.words and is_plural(number.words[-1]) else number.words


def _holds_invented_word(left: Node, right: Node, following: Sequence[str]) -> bool:
    """Whether a word may be an operation: no known unit, no plural, and found once in the claim.

    "15 zorb + 3 = 36" is no claim that 18 is 36.
    """
    words = [singular(word) for side in (left, right) for number in numbers(side) for word in _nouns(number)]
    plurals = {
        singular(word)
        for side in (left, right)
        for number in numbers(side)
        for word in number.words
        if is_plural(word)
    }
    seen = plurals | set(map(singular, following))
    return any(words.count(word) == 1 and word not in seen for word in words)
