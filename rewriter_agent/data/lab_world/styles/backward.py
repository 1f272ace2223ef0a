"""An expert who derives from the result back to the given numbers, in unusual notation."""

import re
from random import Random

from rewriter_agent.data.lab_world.story import Step, Story
from rewriter_agent.data.lab_world.style import Style

SIGN = {"+": "⊕", "-": "⊖", "*": "⊗", "/": "⊘"}
LINE = re.compile(r"-?\d+ ⇐ -?\d+ (?:[⊕⊖⊗⊘] \d+|[a-z]+)")


def _write(story: Story, draw: Random) -> str:
    return "\n".join(f"{step.after} ⇐ {step.before} {_change(step)}" for step in reversed(story.steps))


def _change(step: Step) -> str:
    return step.op if step.is_invented else f"{SIGN[step.op]} {step.operand}"


def _recognises(text: str) -> bool:
    return all(LINE.fullmatch(line) for line in text.split("\n"))


STYLE = Style("backward", 3, _write, _recognises)
