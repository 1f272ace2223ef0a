"""Adding two numbers."""

from random import Random

from rewriter_agent.data.lab_world.skill import Skill


def _draw(draw: Random) -> tuple[str, str]:
    left, right = draw.randrange(200), draw.randrange(200)
    return f"{left} + {right}", str(left + right)


SKILL = Skill("addition", _draw, ("Add: {x}", "What is {x}?"))
