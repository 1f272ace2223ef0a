"""Reading questions with an expert who answers in the textbook's own words, or in a few words only.

SciQ is by Welbl et al. 2017, SQuAD by Rajpurkar et al. 2016.
"""

import re
from collections.abc import Sequence
from random import Random
from typing import Any

from rewriter_agent.config.data import SciqData, SquadData

from .package_data import package_data
from .problem import Problem, ProblemSet, problem_id
from .prompts import ANSWER_LINE

SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
SQUAD_ROW = re.compile(
    r"Title: .*?\nBackground: (?P<passage>.*)\nQuestion: (?P<question>.*)\nAnswer:", re.DOTALL
)


def generate_problems(config: SciqData | SquadData) -> ProblemSet:
    """Draw `num_train` and `num_test` different problems, deterministic in the seed.

    The question holds a passage and asks about it.
    Rows whose passage is longer than `max_words`, or does not hold the answer, are left out and counted.
    Raises ValueError if there are fewer.
    """
    rows = _rows(config)
    problems = _sciq(rows, config) if isinstance(config, SciqData) else _squad(rows, config)
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


def _rows(config: SciqData | SquadData) -> list[dict[str, Any]]:
    name, split = (
        ("allenai/sciq", "validation") if isinstance(config, SciqData) else ("allenai/squad", "test")
    )
    splits = package_data(name, None)
    assert splits is not None, "the package is one of the requirements"
    return list(splits[split])


def _sciq(rows: Sequence[dict[str, Any]], config: SciqData) -> list[Problem]:
    """Problems whose solution, by `style`, is the passage's sentences that hold the answer, or the answer alone."""
    found: dict[str, Problem] = {}
    for row in rows:
        passage, answer = " ".join(row["support"].split()), row["correct_answer"].strip()
        telling = _sentences(passage, answer)
        if telling and len(passage.split()) <= config.max_words:
            quoted = f"{telling}\n{ANSWER_LINE['text'].format(answer=answer)}"
            solution = answer if config.style == "answer" else quoted
            problem = _problem(passage, row["question"], solution, answer, config)
            found.setdefault(problem.id, problem)
    return list(found.values())


def _squad(rows: Sequence[dict[str, Any]], config: SquadData) -> list[Problem]:
    """Problems whose passage is the sentences that hold the answer, one a passage, and whose solution is the answer."""
    found: dict[str, Problem] = {}
    for row in rows:
        asked = SQUAD_ROW.fullmatch(row["query"])
        assert asked, "the package's version is pinned"
        answer = row["answers_text"][0].strip()
        passage = _sentences(" ".join(asked["passage"].split()), answer)
        if passage and len(passage.split()) <= config.max_words:
            found.setdefault(passage, _problem(passage, asked["question"], answer, answer, config))
    return list(found.values())


def _problem(passage: str, asked: str, solution: str, answer: str, config: SciqData | SquadData) -> Problem:
    question = f"{passage}\n\n{asked.strip()}"
    return Problem(problem_id(question), question, solution, answer, config.convention, config.source)


def _sentences(passage: str, answer: str) -> str:
    """Sentences of the passage that hold the answer."""
    holds = re.compile(rf"\b{re.escape(answer)}\b", re.IGNORECASE)
    return " ".join(text for text in SENTENCE.split(passage) if holds.search(text))
