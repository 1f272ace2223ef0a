"""Naming opposites."""

from random import Random

from rewriter_agent.data.lab_world.skill import Skill
from rewriter_agent.data.lab_world.words import OPPOSITES


def _draw(draw: Random) -> tuple[str, str]:
    pairs = [draw.sample(pair, 2) for pair in draw.sample(OPPOSITES, draw.randint(2, 3))]
    return ", ".join(word for word, _ in pairs), ", ".join(other for _, other in pairs)


SKILL = Skill("opposites", _draw, ("Opposites of: {x}", "Give the opposite of each word: {x}"))
