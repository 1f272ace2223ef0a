"""An expert who writes nothing but formulas."""

import re
from random import Random

from rewriter_agent.data.lab_world.story import Story
from rewriter_agent.data.lab_world.style import Style

FORMULA = r"\d+ (?:[-+*/] \d+|[a-z]+) = -?\d+"
TEXT = re.compile(f"{FORMULA}(; {FORMULA})*")


def _write(story: Story, draw: Random) -> str:
    return "; ".join(step.formula for step in story.steps)


STYLE = Style("terse", 1, _write, lambda text: TEXT.fullmatch(text) is not None)
