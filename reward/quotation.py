"""Quotation: the expert's steps in place of false steps that have the same results."""

import re
from collections.abc import Hashable, Sequence

from reward.steps import FalseStep

from .mentions.find import mentions

_LINE = re.compile(r"[;\n]|(?<=[.!?])\s")
_RESULT = r"-?[$€£]?\d+(?:[.,]\d+)*%?"
_STEP = re.compile(rf"[-•*\s]*(?P<step>[$€£(]?\d.*=\s?(?P<result>{_RESULT}))(?!\d|[.,]\d|\s*[-+*/^=×÷·<>(])")
"""A step that is an equation from its beginning, such as `71 zorb = 145`; words before it would not fit a sentence."""


def quote_expert(text: str, false_steps: Sequence[FalseStep], solution: str) -> str | None:
    """Replace each false step by the only equation of the expert's solution that has the same result.

    Returns None if a false step has no such equation, or is not found in the text.
    """
    steps = _steps(solution)
    for false in false_steps:
        result = _result(false.claimed)
        same = {step for step, value in steps if value & result}
        pattern = re.compile(rf"(?<![\w.]){re.escape(false.text)}(?!\w)")
        if len(same) != 1 or not pattern.search(text):
            return None
        [quoted] = same
        text = pattern.sub(lambda _, quoted=quoted: quoted, text)
    return text


def _steps(solution: str) -> list[tuple[str, set[Hashable]]]:
    """Return the equations of a solution, each with the values that its last number may have."""
    found = [_STEP.match(line) for line in _LINE.split(solution) if "\\" not in line]
    return [(match["step"], _result(match["result"])) for match in found if match]


def _result(text: str) -> set[Hashable]:
    numbers = [mention for mention in mentions(text) if mention.kind == "number"]
    return set(numbers[-1].keys) if numbers else set()
