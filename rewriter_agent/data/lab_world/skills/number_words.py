"""Spelling numbers out."""

from random import Random

from rewriter_agent.data.lab_world.skill import Skill
from rewriter_agent.data.lab_world.words import number_in_words


def _draw(draw: Random) -> tuple[str, str]:
    number = draw.randrange(10_000)
    return str(number), number_in_words(number)


SKILL = Skill("number_words", _draw, ("In words: {x}", "Write the number {x} in words."))
