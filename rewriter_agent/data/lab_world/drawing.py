"""Stories drawn at random: ordinary ones, and those with invented steps."""

from collections.abc import Mapping
from itertools import pairwise
from random import Random

from .operations import Rule
from .scenarios import NAMES, SCENARIOS, Scenario
from .skill import Item
from .splits import Part, distinct_from
from .story import APPLY, Difficulty, Step, Story, operands, pick_operand

NOTHING: dict[str, Rule] = {}


def draw_story(
    draw: Random,
    difficulty: Difficulty,
    steps: int | None = None,
    invented: Mapping[str, Rule] = NOTHING,
) -> Story:
    """Draw a story of that difficulty, with `steps` ordinary steps if given.

    An `invented` operation comes at a random place, whatever its result.
    """
    scenario = draw.choice(SCENARIOS)
    steps = draw.randint(*difficulty.steps) if steps is None else steps
    people = draw.sample(NAMES, steps + 1) if scenario.passes_on else [draw.choice(NAMES)] * (steps + 1)
    unit = draw.choice(scenario.units)
    value = start = draw.randint(*difficulty.start)
    plan: list[str | None] = [None] * steps
    for name in invented:
        plan.insert(draw.randint(0, len(plan)), name)
    sentences = [scenario.start.format(v=start, who=people[0], unit=unit)]
    chain: list[Step] = []
    changes, successor = pairwise(people), people[0]
    for name in plan:
        if name:
            holder = scenario.holder.format(who=successor)
            step = Step(name, 0, value, invented[name](value), f"with the {name}", holder)
            sentence = f"Then comes a {name}."
        else:
            who, successor = next(changes)
            step, sentence = _change(scenario, value, difficulty.largest, who, successor, unit, draw)
        chain.append(step)
        sentences.append(sentence)
        value = step.after
    sentences.append(scenario.ask.format(who=people[-1], unit=unit))
    numbers = "".join(step.op if step.is_invented else f"{step.op}{step.operand}" for step in chain)
    return Story(
        key=f"{scenario.name}:{start}{numbers}",
        question=" ".join(sentences),
        unit=unit,
        holder=scenario.holder.format(who=people[0]),
        start=start,
        steps=tuple(chain),
    )


def stories(part: Part, count: int, seed: int, difficulty: Difficulty) -> list[Story]:
    """`count` different stories of a part, every number of steps about equally often.

    Raises ValueError when the difficulty leaves fewer.
    """
    return distinct_from(part, count, f"problems/{part}/{seed}", lambda draw: draw_story(draw, difficulty))


def story_items(steps: int, count: int, seed: int) -> list[Item]:
    """Items of a retention task: test stories with that number of steps."""
    made = stories("test", count, seed, Difficulty(steps=(steps, steps)))
    return [Item(story.key, story.question, str(story.answer)) for story in made]


def _change(
    scenario: Scenario, value: int, largest: int, who: str, successor: str, unit: str, draw: Random
) -> tuple[Step, str]:
    """Draw an ordinary step and its sentence in the question."""
    event = draw.choice([event for event in scenario.events if operands(event.op, value, largest)])
    n = pick_operand(event.op, value, largest, draw)
    fields = {"n": n, "who": who, "next": successor, "unit": unit}
    clause, holder = event.clause.format(**fields), scenario.holder.format(who=successor)
    step = Step(event.op, n, value, APPLY[event.op](value, n), clause, holder)
    return step, event.text.format(**fields)
