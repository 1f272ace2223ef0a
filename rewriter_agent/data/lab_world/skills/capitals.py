"""Writing words in capital letters."""

from random import Random

from rewriter_agent.data.lab_world.skill import Skill
from rewriter_agent.data.lab_world.words import made_up_word


def _draw(draw: Random) -> tuple[str, str]:
    word = made_up_word(draw)
    return word, word.upper()


SKILL = Skill("capitals", _draw, ("In capital letters: {x}", "Write {x} in capitals."))
