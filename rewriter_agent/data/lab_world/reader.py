"""A reader of the calculations in a text, as the styles of the world write them; it shares no code with `reward`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from .operations import OPERATIONS
from .styles.natural import SAYINGS

Calculation = Callable[[Fraction, Fraction], Fraction]
CALCULATIONS: dict[str, Calculation] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}
NUMBER = r"-?\d+"
BEGIN = r"(?<![-\w.])(?<![-+*/(] )"
"""No number or sign goes before, to which a number would belong."""
END = r"(?![\w)]|\.\d| [-+*/] ?\d)"
EXPRESSION = rf"{NUMBER}(?: [-+*/] {NUMBER})*"
NAMES = "|".join(OPERATIONS)
AFTER_NAME = "".join(f"(?<!{name} )" for name in OPERATIONS)
EQUATION = re.compile(rf"{BEGIN}{AFTER_NAME}{EXPRESSION}(?: = {EXPRESSION})+(?![\w)])")
INVENTED = re.compile(rf"{BEGIN}({NUMBER}) ({NAMES}) = ({NUMBER}){END}")
BULLET = re.compile(r"^- ", re.MULTILINE)


def _pattern(saying: str) -> re.Pattern[str]:
    """Pattern of a way to tell a calculation in words, with groups named as its fields."""
    groups = {field: f"(?P<{field}>{NUMBER})" for field in "anc"}
    return re.compile(rf"(?<![-\w.]){saying.format(**groups)}\b", re.IGNORECASE)


WORDS = {_pattern(saying): CALCULATIONS[op] for op, sayings in SAYINGS.items() for saying in sayings}
"""Calculations in words, such as "taking 5 from 12 leaves 7"."""


@dataclass(frozen=True)
class Claim:
    """Calculation in a text."""

    text: str
    place: int
    """Index of the first character."""
    operands: tuple[int, ...]
    result: int
    true: bool


def claims(text: str) -> list[Claim]:
    """List the calculations that a text shows, in its order: equations, invented steps and words."""
    text = without_bullets(text)
    found = []
    for match in EQUATION.finditer(text):
        values = [_value(side) for side in match[0].split(" = ")]
        found.append(_claim(match, len(set(values)) == 1 and None not in values))
    for match in INVENTED.finditer(text):
        found.append(_claim(match, OPERATIONS[match[2]](int(match[1])) == int(match[3])))
    for saying, calculation in WORDS.items():
        for match in saying.finditer(text):
            first, second, result = (Fraction(match[field]) for field in "anc")
            found.append(_claim(match, _apply(calculation, first, second) == result))
    return sorted(found, key=lambda claim: claim.place)


def unread(text: str) -> bool:
    """Tell whether an equals sign belongs to no calculation, as in `1 -  = 5`."""
    text = without_bullets(text)
    return "=" in INVENTED.sub("", EQUATION.sub("", text))


def without_bullets(text: str) -> str:
    """Remove dashes at the beginning of lines, which are no signs."""
    return BULLET.sub("", text)


def _claim(match: re.Match[str], true: bool) -> Claim:
    *operands, result = map(int, re.findall(rf"(?<!\d){NUMBER}", match[0]))
    return Claim(match[0], match.start(), tuple(operands), result, true)


def _value(expression: str) -> Fraction | None:
    """Compute `3 + 4 * 2`, products first; None if it divides by 0."""
    first, *rest = expression.split(" ")
    terms: list[Fraction | None] = [Fraction(first)]
    for sign, operand in zip(rest[::2], map(Fraction, rest[1::2]), strict=True):
        if sign in "+-":
            terms.append(operand if sign == "+" else -operand)
        else:
            terms[-1] = terms[-1] if terms[-1] is None else _apply(CALCULATIONS[sign], terms[-1], operand)
    return None if None in terms else sum(filter(None, terms), Fraction(0))


def _apply(calculation: Calculation, first: Fraction, second: Fraction) -> Fraction | None:
    try:
        return calculation(first, second)
    except ZeroDivisionError:
        return None
