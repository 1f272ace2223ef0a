"""The downstream task: generated word problems with expert solutions."""

from itertools import pairwise
from random import Random

from rewriter_agent.config.data import LabData
from rewriter_agent.data.problem import Problem, ProblemSet, problem_id

from .scenarios import NAMES, SCENARIOS, Event, Scenario
from .splits import Part, distinct_from
from .story import APPLY, Difficulty, Step, Story, operands, pick_operand
from .styles import solution

CONVENTION = "####"


def draw_story(draw: Random, difficulty: Difficulty, steps: int | None = None) -> Story:
    """Draw a story of that difficulty, with `steps` steps if given."""
    scenario = draw.choice(SCENARIOS)
    steps = draw.randint(*difficulty.steps) if steps is None else steps
    people = draw.sample(NAMES, steps + 1) if scenario.passes_on else [draw.choice(NAMES)] * (steps + 1)
    unit = draw.choice(scenario.units)
    value = start = draw.randint(*difficulty.start)
    sentences = [scenario.start.format(v=start, who=people[0], unit=unit)]
    chain: list[Step] = []
    for who, successor in pairwise(people):
        event = draw.choice(_possible(scenario, value, difficulty.largest))
        n = pick_operand(event.op, value, difficulty.largest, draw)
        fields = {"n": n, "who": who, "next": successor, "unit": unit}
        after = APPLY[event.op](value, n)
        clause, holder = event.clause.format(**fields), scenario.holder.format(who=successor)
        chain.append(Step(event.op, n, value, after, clause, holder))
        sentences.append(event.text.format(**fields))
        value = after
    sentences.append(scenario.ask.format(who=people[-1], unit=unit))
    numbers = "".join(f"{step.op}{step.operand}" for step in chain)
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


def to_problem(story: Story, style: str, seed: int) -> Problem:
    """Convert the story to a `Problem` with its expert solution in that style."""
    text = solution(style, story, Random(f"{seed}/{style}/{story.key}"))
    number = len(story.steps)
    question = story.question
    return Problem(
        problem_id(question), question, text, str(story.answer), CONVENTION, "lab", f"{number} steps"
    )


def generate_problems(config: LabData) -> ProblemSet:
    """Training and test problems that share no numbers within a scenario, whatever the names.

    Raises ValueError when the difficulty makes too few different problems.
    """

    def make(part: Part, count: int) -> list[Problem]:
        made = stories(part, count, config.seed, config.difficulty)
        return [to_problem(story, config.style, config.seed) for story in made]

    train, test = make("train", config.num_train), make("test", config.num_test)
    return ProblemSet(train, test, {"train": len(train), "test": len(test)})


def _possible(scenario: Scenario, value: int, largest: int) -> list[Event]:
    return [event for event in scenario.events if operands(event.op, value, largest)]
