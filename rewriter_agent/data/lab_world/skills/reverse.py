"""Reversing a row of letters."""

import string
from random import Random

from rewriter_agent.data.lab_world.skill import Skill


def _draw(draw: Random) -> tuple[str, str]:
    letters = draw.choices(string.ascii_lowercase, k=draw.randint(3, 6))
    return " ".join(letters), " ".join(reversed(letters))


SKILL = Skill("reverse", _draw, ("Reverse: {x}", "Write these letters backwards: {x}"))
