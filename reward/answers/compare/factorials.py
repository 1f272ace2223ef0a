"""Cancels factorials that are too large to compute: `2019!/2017!` is `2019 * 2018`."""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from math import factorial, prod

from reward.answers.math.tree import Call, Expr, Num

MAX_FACTORS = 1_000
"""Largest difference of two factorials' arguments."""
_MAX_POWER = 20
_LARGE = 100
"""Largest argument of a factorial that is computed directly."""


@dataclass
class _Product:
    """Factors of an expression: factorials of numbers with their exponents, and the rest."""

    rest: Expr = field(default_factory=lambda: Num(Fraction(1)))
    factorials: Counter[int] = field(default_factory=Counter)

    def multiply(self, expression: Expr, exponent: int) -> None:
        """Multiply by `expression` to the `exponent`."""
        name, args = (expression.name, expression.args) if isinstance(expression, Call) else ("", ())
        power = _integer(args[1]) if name == "^" else None
        numbers = [number for number in map(_integer, args) if number is not None]
        if name == "!" and numbers and numbers[0] >= 0:
            self._multiply_factorial(numbers[0], exponent)
        elif name == "binom" and len(numbers) == 2 and 0 <= numbers[1] <= numbers[0]:
            for number, sign in ((numbers[0], 1), (numbers[1], -1), (numbers[0] - numbers[1], -1)):
                self._multiply_factorial(number, sign * exponent)
        elif name in ("*", "/"):
            self.multiply(args[0], exponent)
            self.multiply(args[1], -exponent if name == "/" else exponent)
        elif power is not None and abs(power * exponent) <= _MAX_POWER:
            self.multiply(args[0], exponent * power)
        elif name == "neg":
            self.rest = Call("neg", (self.rest,))
            self.multiply(args[0], exponent)
        else:
            factor = expression if exponent == 1 else Call("^", (expression, Num(Fraction(exponent))))
            self.rest = Call("*", (self.rest, factor))

    def _multiply_factorial(self, number: int, exponent: int) -> None:
        if number > _LARGE:
            self.factorials[number] += exponent
        else:
            self.rest = Call("*", (self.rest, Num(Fraction(factorial(number)) ** exponent)))


def cancel_factorials(left: Expr, right: Expr) -> tuple[Expr, Expr] | None:
    """Cancel factorials, which preserves equality and inequality of the two; None if factorials remain."""
    ours, theirs = _Product(), _Product()
    ours.multiply(left, 1)
    theirs.multiply(right, 1)
    total = Counter(ours.factorials)
    total.subtract(theirs.factorials)
    ratio = _ratio(total)
    return (Call("*", (ours.rest, Num(ratio))), theirs.rest) if ratio is not None else None


def _ratio(factorials: Counter[int]) -> Fraction | None:
    """Product of factorials whose exponents sum to zero, dividing largest by largest."""
    over, under = (
        sorted(
            Counter(
                {number: sign * power for number, power in factorials.items() if sign * power > 0}
            ).elements()
        )
        for sign in (1, -1)
    )
    pairs = list(zip(over, under, strict=False))
    if len(over) != len(under) or sum(abs(one - other) for one, other in pairs) > MAX_FACTORS:
        return None
    return prod((_quotient(one, other) for one, other in pairs), start=Fraction(1))


def _quotient(one: int, other: int) -> Fraction:
    if one < other:
        return 1 / _quotient(other, one)
    return Fraction(prod(range(other + 1, one + 1)))


def _integer(expression: Expr) -> int | None:
    if isinstance(expression, Call) and expression.name == "neg":
        number = _integer(expression.args[0])
        return -number if number is not None else None
    is_integer = isinstance(expression, Num) and expression.value.denominator == 1
    return expression.value.numerator if is_integer and isinstance(expression, Num) else None
