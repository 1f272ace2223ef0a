"""Ways to write a solution. A module here that defines `STYLE` is one more; nothing else lists it."""

import re
from random import Random

from rewriter_agent.data.lab_world.registry import modules_with
from rewriter_agent.data.lab_world.story import Story
from rewriter_agent.data.lab_world.style import Style

STYLES: dict[str, Style] = {}
for _style in modules_with(__name__, list(__path__), "STYLE"):
    assert isinstance(_style, Style), "STYLE is a Style"
    STYLES[_style.name] = _style

NATURAL = "natural"
"""The backbone's own style."""
EXPERT_STYLES = tuple(sorted((n for n in STYLES if n != NATURAL), key=lambda n: STYLES[n].alienness))
"""Names of the others, the most alien last."""
ANSWER_LINE = re.compile(r"\n#### -?\d+\Z")


def solution(style: str, story: Story, draw: Random) -> str:
    """The whole solution, ended by the answer line; `draw` chooses among a style's variants."""
    return f"{STYLES[style].write(story, draw)}\n#### {story.answer}"


def style_of(text: str) -> str | None:
    """Recognise the style of a whole solution; None if it is a mixture or unknown."""
    body, *answer = ANSWER_LINE.split(text.strip())
    fitting = [name for name, style in STYLES.items() if answer and style.recognises(body)]
    return fitting[0] if len(fitting) == 1 else None
