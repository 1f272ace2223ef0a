"""Sorting numbers."""

from random import Random

from rewriter_agent.data.lab_world.skill import Skill


def _draw(draw: Random) -> tuple[str, str]:
    numbers = draw.sample(range(100), draw.randint(3, 5))
    return ", ".join(map(str, numbers)), ", ".join(map(str, sorted(numbers)))


SKILL = Skill("sort", _draw, ("Sort: {x}", "Put these numbers in order: {x}"))
