"""Finds the closed claims of a text and decides them."""

import re
from collections.abc import Sequence
from fractions import Fraction

from .patterns import ENGLISH, StepPattern
from .types import FalseStep, StepReport

_CLAIM = re.compile(r"(?<![\w.)+*/-])(\d{1,15}) *([-+*/]) *(\d{1,15}) *= *(-?\d{1,15})(?![\w.(]| *[-+*/(])")
_BROKEN = re.compile(r"\d{1,15} *[-+*/] *= *-?\d{1,15}")


def check_steps(text: str, given: str, patterns: Sequence[StepPattern] = ENGLISH) -> StepReport:
    """Check every closed claim in `text`; numbers in `given`, the question, are known to the solver.

    Never raises on any text, and takes time linear in its length.
    """
    found = [(match, _value(match)) for match in _CLAIM.finditer(text)]
    decided = [(match, value) for match, value in found if value is not None]
    false = tuple(
        FalseStep(match[0], match[4], str(value)) for match, value in decided if value != int(match[4])
    )
    return StepReport(len(decided), false, tuple(match[0] for match in _BROKEN.finditer(text)))


def _value(match: re.Match[str]) -> Fraction | None:
    left, sign, right = Fraction(match[1]), match[2], Fraction(match[3])
    if sign == "/":
        return left / right if right else None
    return {"+": left + right, "-": left - right, "*": left * right}[sign]
