"""Expressions of closed claims and their exact values."""

import math
from fractions import Fraction
from typing import Literal, NamedTuple

from reward.answers.math.units import Unit

MAX_BITS = 4_000
"""Size of the largest number that is computed; a claim about a larger one is undecided."""
MAX_FACTORIAL = 200

Value = int | Fraction | float
Percent = Literal["hundredth", "plain", "relative"]


class Undecided(Exception):
    """Error for an expression that is undefined, too large, or beyond what this package computes."""


class Number(NamedTuple):
    """Number as written: its `value`, its decimal `places`, and the unit or the `words` that follow it."""

    value: int | Fraction
    places: int = 0
    percent: bool = False
    unit: Unit | None = None
    words: tuple[str, ...] = ()
    is_word: bool = False
    is_pi: bool = False
    scale: int = 1
    """Scale word after it, as in "16 million"."""


class Operation(NamedTuple):
    """Operation on `args`; "-" and "/" have one argument, the term of a sum or the factor of a product."""

    sign: str
    args: "tuple[Node, ...]"


Node = Number | Operation


class Reading(NamedTuple):
    """One way to read what notation leaves open."""

    percent: Percent = "hundredth"
    converted: bool = False
    pi: float | Fraction = math.pi
    scaled: bool = True
    tight: bool = True
    """Whether "60 / 3/4" divides by the fraction."""
    exact: "dict[Fraction | int, Value] | None" = None
    """Exact values of decimals that the text rounded before."""


PLAIN = Reading()


def numbers(node: Node) -> list[Number]:
    """All numbers in `node`, in order."""
    found, stack = [], [node]
    while stack:
        last = stack.pop()
        if isinstance(last, Number):
            found.append(last)
        else:
            stack.extend(reversed(last.args))
    return found


def is_bare(node: Node) -> bool:
    """Whether the node is a number with at most a sign, a unit or a fraction bar: a value, not a calculation."""
    if isinstance(node, Number):
        return True
    return node.sign in ("-", "mixed", "quantity") and all(map(is_bare, node.args))


def evaluate(node: Node, reading: Reading = PLAIN) -> Value:
    """Compute the value of `node`, exact if it is rational.

    Raises:
        Undecided: the value is undefined or too large.
    """
    if isinstance(node, Number):
        return _number(node, reading)
    if node.sign == "+" and reading.percent == "relative":
        return _relative_sum(node, reading)
    if node.sign in ("*", "fraction"):
        return _bounded(_quotient(node, reading))
    args = [evaluate(argument, reading) for argument in node.args]
    return _bounded(_apply(node.sign, args, reading))


def _quotient(node: Operation, reading: Reading) -> Value:
    """Multiply and divide; whole numbers need one fraction at most."""
    over: Value = 1
    under: Value = 1
    for argument in node.args:
        if isinstance(argument, Operation) and argument.sign == "/":
            under = _bounded(under * evaluate(argument.args[0], reading))
        else:
            over = _bounded(over * evaluate(argument, reading))
    if not under:
        raise Undecided
    if isinstance(over, int) and isinstance(under, int):
        return Fraction(over, under) if over % under else over // under
    return over / under


def _number(number: Number, reading: Reading) -> Value:
    if number.is_pi:
        return reading.pi
    value: Value = number.value
    if reading.exact and value in reading.exact:
        value = reading.exact[value]
    if number.scale != 1 and reading.scaled:
        value = value * number.scale
    if number.percent and reading.percent != "plain":
        value = value / Fraction(100)
    if reading.converted and number.unit is not None:
        value = value * number.unit.factor
    return value


def _relative_sum(node: Operation, reading: Reading) -> Value:
    """Read "50 + 10%" as 50 with ten percent of it added."""
    total: Value = 0
    for position, term in enumerate(node.args):
        value = evaluate(term, reading)
        total = total + (total * value if position and _is_percent(term) else value)
    return _bounded(total)


def _is_percent(node: Node) -> bool:
    if isinstance(node, Number):
        return node.percent
    return node.sign == "%" or (node.sign == "-" and _is_percent(node.args[0]))


def _bounded(value: Value) -> Value:
    if isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise Undecided
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Undecided
        return value
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise Undecided
    return value


def _apply(sign: str, args: list[Value], reading: Reading) -> Value:
    match sign:
        case "+" | "mixed":
            return sum(args[1:], args[0])
        case "-":
            return -args[0]
        case "tight":
            # It is a divisor, so dividing by both numbers is dividing by their product.
            return _product([args[0], Fraction(1) / args[1]] if reading.tight else args)
        case "beside":
            # In LaTeX a fraction after a number makes a mixed number or a product.
            return args[0] + args[1] if reading.tight else args[0] * args[1]
        case "quantity":
            return args[0]
        case "unit" | "of":
            return _product(args)
        case "/":
            if not args[0]:
                raise Undecided
            return 1 / args[0] if isinstance(args[0], float) else Fraction(1) / args[0]
        case "^":
            return _power(args[0], args[1])
        case "root":
            return _root(args[0], args[1])
        case "%":
            return args[0] if reading.percent == "plain" else args[0] / Fraction(100)
        case _:
            return _function(sign, args)


def _product(args: list[Value]) -> Value:
    total = args[0]
    for factor in args[1:]:
        total = _bounded(total * factor)
    return total


def _function(sign: str, args: list[Value]) -> Value:
    if sign == "abs":
        return abs(args[0])
    if sign in ("floor", "ceil"):
        return math.floor(args[0]) if sign == "floor" else math.ceil(args[0])
    if sign in ("max", "min"):
        return max(args) if sign == "max" else min(args)
    whole = [_whole(argument) for argument in args]
    if sign == "!":
        if not 0 <= whole[0] <= MAX_FACTORIAL:
            raise Undecided
        # 7!! is 7 * 5 * 3.
        return math.prod(range(whole[0], 1, -whole[1]))
    if sign == "binom":
        if not 0 <= whole[1] <= whole[0] <= MAX_FACTORIAL:
            raise Undecided
        return math.comb(whole[0], whole[1])
    if sign == "mod":
        if whole[1] <= 0:
            raise Undecided
        return whole[0] % whole[1]
    return math.gcd(*whole) if sign == "gcd" else math.lcm(*whole)


def _whole(value: Value) -> int:
    if isinstance(value, float) or value.denominator != 1:
        raise Undecided
    return int(value)


def _power(base: Value, exponent: Value) -> Value:
    is_exact = not isinstance(base, float) and not isinstance(exponent, float)
    if is_exact and exponent.denominator == 1:
        if base == 0 and exponent <= 0:
            raise Undecided
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if bits * abs(exponent.numerator) > MAX_BITS:
            raise Undecided
        return Fraction(base) ** int(exponent)
    if is_exact and exponent == Fraction(1, 2):
        return _root(base, 2)
    if base <= 0 or (is_exact and max(map(_size, (base, exponent))) > 100):
        raise Undecided
    return float(base) ** float(exponent)


def _size(value: Value) -> int:
    return (
        0 if isinstance(value, float) else max(value.numerator.bit_length(), value.denominator.bit_length())
    )


def _root(value: Value, index: Value) -> Value:
    if index not in (2, 3, 4, 5) or (value < 0 and index != 3):
        raise Undecided
    if not isinstance(value, float):
        if _size(value) > 900:
            raise Undecided
        parts = [_integer_root(abs(part), int(index)) for part in (value.numerator, value.denominator)]
        if parts[0] is not None and parts[1] is not None:
            return Fraction(parts[0], parts[1]) * (-1 if value < 0 else 1)
    root = abs(float(value)) ** (1 / int(index))
    return -root if value < 0 else root


def _integer_root(value: int, index: int) -> int | None:
    root = math.isqrt(value) if index == 2 else round(value ** (1 / index))
    return root if root**index == value else None
