"""The problems of a benchmark: questions with gold answers, and no solutions."""

from collections.abc import Iterable
from random import Random
from typing import Any

from rewriter_agent.config.benchmarks import LAB_COMPOSED, Benchmark

from .files import is_data_file
from .lab_world.problems import composed_lessons
from .problem import Problem, problem_id
from .read import RawRow, read_file, read_named
from .rows import require_gold
from .values import BadRow, answer_text, decode_row, text_as_it_is, value_of


def load_benchmark(benchmark: Benchmark, seed: int) -> list[Problem]:
    """Load the problems, each question once; `limit` samples with `seed` and keeps the order.

    Raises:
        ValueError: missing file, data set that cannot be loaded, or a row that cannot be used.
    """
    if benchmark.path == LAB_COMPOSED:
        assert benchmark.limit is not None, "a rule of the config"
        return composed_lessons(benchmark.limit, seed)
    key = f"evaluate.benchmarks, {benchmark.name}"
    is_file = is_data_file(benchmark.path)
    columns = [
        c for c in (benchmark.question, benchmark.answer, benchmark.level, benchmark.source) if c is not None
    ]
    rows: Iterable[RawRow] = (
        read_file(benchmark.path, key, columns)
        if is_file
        else read_named(benchmark.path, benchmark.subset, benchmark.split, key, columns)
    )
    found: dict[str, Problem] = {}
    for place, row in rows:
        try:
            problem = _problem(decode_row(row), benchmark)
        except BadRow as bad:
            raise ValueError(f"{place}: {bad}; correct it, or name other columns in {key}") from bad
        found.setdefault(problem.id, problem)
    problems = list(found.values())
    order = list(range(len(problems)))
    Random(seed).shuffle(order)
    if len(problems) < 2:
        raise ValueError(f"{key}: {benchmark.path} has {len(problems)} problems, too few to tell anything")
    return [problems[place] for place in sorted(order[: benchmark.limit])]


def _problem(values: dict[str, Any], benchmark: Benchmark) -> Problem:
    question, answer = text_as_it_is(values, benchmark.question), value_of(values, benchmark.answer)
    several = answer if isinstance(answer, list) else [answer]
    answers = [answer_text({**values, benchmark.answer: one}, benchmark.answer) for one in several]
    gold = ", ".join(one.strip("$") for one in answers)
    require_gold(gold, benchmark.convention, f"column {benchmark.answer!r}")
    return Problem(
        id=problem_id(question),
        question=question,
        solution="",
        answer=gold,
        convention=benchmark.convention,
        source=benchmark.name if benchmark.source is None else answer_text(values, benchmark.source),
        level=None if benchmark.level is None else answer_text(values, benchmark.level),
    )
