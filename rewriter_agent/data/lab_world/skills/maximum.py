"""Finding the largest number."""

from random import Random

from rewriter_agent.data.lab_world.skill import Skill


def _draw(draw: Random) -> tuple[str, str]:
    numbers = draw.sample(range(100), draw.randint(3, 6))
    return ", ".join(map(str, numbers)), str(max(numbers))


SKILL = Skill("maximum", _draw, ("Largest of: {x}", "Which of these numbers is the largest? {x}"))
