"""A word problem before it is told or solved: a chain of changes to one quantity."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

Op = Literal["+", "-", "*", "/"]

APPLY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a // b,
}
FACTORS = range(2, 6)
LESSON_STEPS = (1, 3)
"""Default range of the ordinary steps of a lesson."""
STORY_STEPS = range(1, 5)
"""Numbers of steps of the ordinary stories that measure retention."""


@dataclass(frozen=True)
class Step:
    """One change, `before op operand = after`; divisions come out even. An invented one is `before op = after`."""

    op: str
    """Sign of an ordinary change, or name of an invented operation."""
    operand: int
    """0 for an invented operation, which has none."""
    before: int
    after: int
    clause: str
    """The change as a subordinate clause, for example `after buying 5`."""
    holder: str
    """Owner of the quantity after the change, as a subject with its verb: `Tom has`."""

    @property
    def is_invented(self) -> bool:
        """Whether only its statement tells its result."""
        return self.op not in APPLY

    @property
    def formula(self) -> str:
        """The change in signs: `12 / 2 = 6`, or `6 plim = 23`."""
        left = f"{self.before} {self.op}" if self.is_invented else f"{self.before} {self.op} {self.operand}"
        return f"{left} = {self.after}"


@dataclass(frozen=True)
class Story:
    """A question and the parts of its solution."""

    key: str
    """Scenario and numbers without names and things, by which stories are split."""
    question: str
    unit: str
    holder: str
    """Owner of the quantity at first, as a subject with its verb: `Tom has`."""
    start: int
    steps: tuple[Step, ...]

    @property
    def answer(self) -> int:
        return self.steps[-1].after

    @property
    def invented(self) -> list[Step]:
        """Steps with an invented operation."""
        return [step for step in self.steps if step.is_invented]


@dataclass(frozen=True)
class Difficulty:
    """Difficulty of a story; `largest` bounds every number in it."""

    steps: tuple[int, int] = (4, 6)
    largest: int = 199
    start: tuple[int, int] = (3, 60)

    def __post_init__(self) -> None:
        low, high = self.steps
        if not 1 <= low <= high <= 8:
            raise ValueError(f"steps is {self.steps}; give a range from 1 to 8, the smaller number first")
        if not 2 <= self.start[0] <= self.start[1] <= self.largest - 1:
            raise ValueError(
                f"start is {self.start} and largest {self.largest}; give 2 <= start <= largest - 1, the "
                "smaller number first"
            )


def operands(op: Op, value: int, largest: int) -> Sequence[int]:
    """List the operands that keep `value op operand` whole and from 1 to `largest`; may be empty."""
    match op:
        case "+":
            return range(1, largest - value + 1)
        case "-":
            return range(1, value)
        case "*":
            return [factor for factor in FACTORS if value * factor <= largest]
        case "/":
            return [factor for factor in FACTORS if value % factor == 0]


def pick_operand(op: Op, value: int, largest: int, draw: Random) -> int:
    """One of `operands`, small ones more often, as in school books."""
    allowed = operands(op, value, largest)
    if op in "+-" and draw.random() < 0.5:
        allowed = allowed[:20]
    return draw.choice(allowed)


def recomputed(story: Story, changed: int, by: int) -> Story:
    """`story` with the result of step number `changed` off by `by` and the later steps carried on from it.

    Later divisions may drop a remainder, as a wrong solution does. An invented step keeps its result: its rule is
    unknown.
    """
    steps, value = [], story.start
    for index, step in enumerate(story.steps):
        right = step.after if step.is_invented else APPLY[step.op](value, step.operand)
        after = right + (by if index == changed else 0)
        steps.append(replace(step, before=value, after=after))
        value = after
    return replace(story, steps=tuple(steps))
