"""An expert who derives from the result back to the given numbers, in unusual notation."""

import re
from random import Random

from rewriter_agent.data.lab_world.story import Story
from rewriter_agent.data.lab_world.style import Style

SIGN = {"+": "⊕", "-": "⊖", "*": "⊗", "/": "⊘"}
LINE = re.compile(r"-?\d+ ⇐ -?\d+ [⊕⊖⊗⊘] \d+")


def _write(story: Story, draw: Random) -> str:
    return "\n".join(f"{s.after} ⇐ {s.before} {SIGN[s.op]} {s.operand}" for s in reversed(story.steps))


def _recognises(text: str) -> bool:
    return all(LINE.fullmatch(line) for line in text.split("\n"))


STYLE = Style("backward", 3, _write, _recognises)
