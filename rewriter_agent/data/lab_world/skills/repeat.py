"""Saying something several times."""

from random import Random

from rewriter_agent.data.lab_world.skill import Skill
from rewriter_agent.data.lab_world.words import WORDS


def _draw(draw: Random) -> tuple[str, str]:
    phrase, times = " ".join(draw.sample(WORDS, draw.randint(1, 2))), draw.randint(2, 5)
    return f"{times} times: {phrase}", " ".join([phrase] * times)


SKILL = Skill("repeat", _draw, ("Repeat {x}", "Say this {x}"))
