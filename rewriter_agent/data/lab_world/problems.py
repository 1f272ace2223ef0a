"""The downstream tasks: generated word problems with expert solutions."""

from random import Random

from rewriter_agent.config.data import LabData
from rewriter_agent.data.problem import Problem, ProblemSet, problem_id

from .drawing import stories
from .lessons import lessons
from .splits import Part
from .story import LESSON_STEPS, Difficulty, Step, Story
from .styles import EXPERT_STYLES, solution

CONVENTION = "####"


def to_problem(story: Story, style: str, seed: int) -> Problem:
    """Convert the story to a `Problem` with its expert solution in that style.

    Its template is its number of steps, or the invented operations that it teaches.
    """
    text = solution(style, story, Random(f"{seed}/{style}/{story.key}"))
    template = " and ".join(step.op for step in story.invented) or f"{len(story.steps)} steps"
    question = story.question
    return Problem(problem_id(question), question, text, str(story.answer), CONVENTION, "lab", template)


def invented_steps(config: LabData) -> dict[str, list[Step]]:
    """Invented steps of the training problems of lessons, by the problem's id."""
    made = lessons("train", config.num_train, config.seed, config.difficulty)
    return {problem_id(story.question): story.invented for story in made}


def composed_lessons(count: int, seed: int) -> list[Problem]:
    """Test problems that compose two of the operations that lessons teach one by one."""
    made = lessons("test", count, seed, Difficulty(LESSON_STEPS), operations=2)
    return [to_problem(story, EXPERT_STYLES[0], seed) for story in made]


def generate_problems(config: LabData) -> ProblemSet:
    """Training and test problems of the task; they share no numbers within a scenario, whatever the names.

    Raises ValueError when the difficulty makes too few different problems.
    """

    def make(part: Part, count: int) -> list[Problem]:
        draw = lessons if config.task == "lessons" else stories
        made = draw(part, count, config.seed, config.difficulty)
        return [to_problem(story, config.style, config.seed) for story in made]

    train, test = make("train", config.num_train), make("test", config.num_test)
    return ProblemSet(train, test, {"train": len(train), "test": len(test)})
