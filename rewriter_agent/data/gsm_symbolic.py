"""Word problems from reasoning-gym's `gsm_symbolic` templates (GSM-Symbolic, Mirzadeh et al. 2024)."""

from collections import Counter, deque
from decimal import Decimal, InvalidOperation
from random import Random
from typing import Any

from rewriter_agent.compat.reasoning_gym import TEMPLATES, template
from rewriter_agent.config.data import GsmSymbolicData

from .problem import Problem, ProblemSet, problem_id

TEST_SHARE = 0.2
"""Share of the templates used for testing; no template serves both training and testing."""
UNSOUND = frozenset({2, 4, 75})
"""Templates whose answers can be wrong, since they round down a half person, pan or tube in mid-solution."""
PATIENCE = 200
"""Consecutive useless draws after which a template counts as exhausted."""
DIFFICULTY = 1.0
"""Only difficulty that the templates support."""


def generate_problems(config: GsmSymbolicData) -> ProblemSet:
    """Generate `num_train` and `num_test` different problems, split by template, deterministic in the seed.

    A problem whose worked solution ends with another answer than the template's is dropped and counted.
    Raises ValueError when the templates cannot make that many different problems.
    """
    templates = sorted(set(TEMPLATES) - UNSOUND)
    Random(config.seed).shuffle(templates)
    held_out = round(len(templates) * TEST_SHARE)
    counts = Counter({"disagreeing": 0, "train_duplicates": 0, "test_duplicates": 0})
    test = _draw(config.num_test, templates[:held_out], config.seed, "test", counts)
    train = _draw(config.num_train, templates[held_out:], config.seed, "train", counts)
    counts.update(train=len(train), test=len(test))
    return ProblemSet(train, test, dict(counts))


def _draw(count: int, templates: list[int], seed: int, part: str, counts: Counter[str]) -> list[Problem]:
    found: dict[str, Problem] = {}
    turn = deque((number, Random(f"{seed}/{number}")) for number in templates)
    while len(found) < count:
        if not turn:
            raise ValueError(
                f"data.num_{part} is {count}, but the templates make only {len(found)} different problems; "
                "lower it"
            )
        number, draws = turn.popleft()
        problem = _fresh(number, draws, found, part, counts)
        if problem is not None:
            found[problem.id] = problem
            turn.append((number, draws))
    return list(found.values())


def _fresh(
    number: int, draws: Random, found: dict[str, Problem], part: str, counts: Counter[str]
) -> Problem | None:
    """The template's next problem that is not in `found`, or None when there seems to be none left."""
    for _ in range(PATIENCE):
        problem = _problem(number, template(number)(draws, DIFFICULTY))
        if problem is None:
            counts["disagreeing"] += 1
        elif problem.id in found:
            counts[f"{part}_duplicates"] += 1
        else:
            return problem
    return None


def _problem(number: int, example: dict[str, Any]) -> Problem | None:
    question, answer = example["question"].strip(), example["answer"]
    work, _, stated = example["metadata"]["answer_cot"].rpartition("\n#### ")
    if not work or not _same_number(stated, answer):
        return None
    # Some templates write 16.0 although the answer is 16.
    solution = f"{work.strip()}\n#### {answer}"
    return Problem(
        problem_id(question), question, solution, answer, "####", "gsm_symbolic", template=str(number)
    )


def _same_number(left: str, right: str) -> bool:
    try:
        return Decimal(left.replace(",", "")) == Decimal(right.replace(",", ""))
    except InvalidOperation:
        return False
