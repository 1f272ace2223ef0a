"""Writing words in capital letters."""

from random import Random

from ..skill import Skill
from ..words import made_up_word


def _draw(draw: Random) -> tuple[str, str]:
    word = made_up_word(draw)
    return word, word.upper()


SKILL = Skill("capitals", _draw, ("In capital letters: {x}", "Write {x} in capitals."))
