"""Counting a letter in a row of letters."""

from random import Random

from rewriter_agent.data.lab_world.skill import Skill

LETTERS = "abcde"


def _draw(draw: Random) -> tuple[str, str]:
    row = draw.choices(LETTERS, k=draw.randint(4, 8))
    letter = draw.choice(LETTERS)
    return f"{letter} in {' '.join(row)}", str(row.count(letter))


SKILL = Skill("count_letter", _draw, ("Count {x}", "How often is {x}"))
