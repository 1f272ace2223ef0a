"""Quotation: the expert's steps in place of false steps that have the same results, or of a step that is missing."""

import re
from collections.abc import Hashable, Sequence

from reward.answers.extract.final_answer import strip_answer_line
from reward.steps import FalseStep

from .mentions.find import Mention, mentions

_LINE = re.compile(r"[;\n]|(?<=[.!?])\s")
_RESULT = r"-?[$€£]?\d+(?:[.,]\d+)*%?"
_STEP = re.compile(rf"[-•*\s]*(?P<step>[$€£(]?\d.*=\s?(?P<result>{_RESULT}))(?!\d|[.,]\d|\s*[-+*/^=×÷·<>(])")
"""A step that is an equation from its beginning, such as `71 zorb = 145`; words before it would not fit a sentence."""
_CLAUSE_END = re.compile(r"\n|\.(?!\d)")
_GAP = re.compile(r"\s*")


def quote_next_step(text: str, solution: str) -> str | None:
    """Cut a text after the results that it shares with the expert's equations, and add the expert's next equation.

    Results are shared as long as the text mentions them in the expert's order. If there is none, the text is cut after
    the first operand of the expert's first equation. Returns None if the text has all results, or there is no place to
    cut it.
    """
    body = strip_answer_line(text)
    said = _numbers(body)
    end = 0
    for step, result in _steps(solution):
        place = _first(said, result, end)
        if place is None and not end:
            operand = _numbers(step)[0]
            # A quotient such as 12 / 2 is one number with parts.
            place = _first(said, set(operand.parts or operand.keys), 0)
            return None if place is None else _cut(body, place, step)
        if place is None:
            return _cut(body, end, step)
        end = place
    return None


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
    numbers = _numbers(text)
    return set(numbers[-1].keys) if numbers else set()


def _numbers(text: str) -> list[Mention]:
    return [mention for mention in mentions(text) if mention.kind == "number"]


def _first(said: Sequence[Mention], values: set[Hashable], start: int) -> int | None:
    """Return the end of the first number from `start` with one of these values."""
    return next((one.end for one in said if one.start >= start and not values.isdisjoint(one.keys)), None)


def _cut(body: str, end: int, step: str) -> str | None:
    """Cut at the end of the clause at `end`, and add the step as a clause of its own."""
    clause = _CLAUSE_END.search(body, end)
    if clause is None:
        return None
    gap = _GAP.match(body, clause.end())
    assert gap, "the pattern matches no blanks as well"
    return body[: clause.end()] + (gap[0] or ("" if clause[0] == "\n" else " ")) + f"{step}."
