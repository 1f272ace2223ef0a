"""Reading questions of SciQ (Welbl et al. 2017), with the textbook's own words or the bare answers as the expert's."""

import re
from random import Random
from typing import Any

from rewriter_agent.config.data import SciqData

from .package_data import package_data
from .problem import Problem, ProblemSet, problem_id
from .prompts import ANSWER_LINE

SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


def generate_problems(config: SciqData) -> ProblemSet:
    """Draw `num_train` and `num_test` different problems, deterministic in the seed.

    The question holds a passage and asks about it. The solution, by `style`, is the passage's sentences that hold the
    answer, or the answer alone.
    Rows whose passage is longer than `max_words`, or does not hold the answer, are left out and counted.
    Raises ValueError if there are fewer.
    """
    splits = package_data("allenai/sciq", None)
    assert splits is not None, "the package is one of the requirements"
    found: dict[str, Problem] = {}
    rows = list(splits["validation"])
    for row in rows:
        problem = _problem(row, config)
        if problem is not None:
            found.setdefault(problem.id, problem)
    problems = list(found.values())
    wanted = config.num_train + config.num_test
    if wanted > len(problems):
        raise ValueError(
            f"data.num_train + data.num_test is {wanted}, but there are only {len(problems)} different problems with "
            f"passages of at most {config.max_words} words; lower one, or raise data.max_words"
        )
    Random(config.seed).shuffle(problems)
    test, train = problems[: config.num_test], problems[config.num_test : wanted]
    return ProblemSet(
        train, test, {"left_out": len(rows) - len(problems), "train": len(train), "test": len(test)}
    )


def _problem(row: dict[str, Any], config: SciqData) -> Problem | None:
    passage, answer = " ".join(row["support"].split()), row["correct_answer"].strip()
    telling = [text for text in SENTENCE.split(passage) if _holds(text, answer)]
    if not telling or len(passage.split()) > config.max_words:
        return None
    question = f"{passage}\n\n{row['question'].strip()}"
    if config.style == "answer":
        return Problem(problem_id(question), question, answer, answer, config.convention, "sciq")
    solution = f"{' '.join(telling)}\n{ANSWER_LINE['text'].format(answer=answer)}"
    return Problem(problem_id(question), question, solution, answer, config.convention, "sciq")


def _holds(text: str, answer: str) -> bool:
    return re.search(rf"\b{re.escape(answer)}\b", text, re.IGNORECASE) is not None
