"""Continuing an arithmetic sequence of numbers."""

from random import Random

from rewriter_agent.data.lab_world.skill import Skill


def _draw(draw: Random) -> tuple[str, str]:
    first, step, length = draw.randint(0, 99), draw.randint(1, 12), draw.randint(3, 4)
    numbers = [first + step * i for i in range(length + 1)]
    if draw.random() < 0.3:
        numbers.reverse()
    return ", ".join(map(str, numbers[:-1])), str(numbers[-1])


SKILL = Skill("next_number", _draw, ("What comes next? {x}", "Go on: {x}"))
