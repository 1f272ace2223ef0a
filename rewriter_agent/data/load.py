"""Problems for training and testing, from any source."""

from collections import Counter
from collections.abc import Iterable
from random import Random

from rewriter_agent.config.data import (
    DataConfig,
    FileData,
    GsmSymbolicData,
    HubData,
    LabData,
    RowData,
    SciqData,
)

from . import gsm_symbolic, sciq
from .lab_world import problems as lab
from .problem import Problem, ProblemSet
from .read import RawRow, read_file, read_hub
from .rows import BadRow, parse_row


def load_problems(config: DataConfig) -> ProblemSet:
    """Training and test problems, the same for the same config.

    Of equal questions (see `problem_id`) the first stays; a training question that is a test question too
    leaves the training set. All of it is in `counts`.
    Raises ValueError for a missing file, an unusable row (unless rows are skipped) or an empty set.
    """
    match config:
        case GsmSymbolicData():
            return gsm_symbolic.generate_problems(config)
        case LabData():
            return lab.generate_problems(config)
        case SciqData():
            return sciq.generate_problems(config)
        case FileData():
            train = read_file(config.train, "data.train")
            test = read_file(config.test, "data.test") if config.test else None
            sources = config.train, config.test
        case HubData():
            train, test = read_hub(config, config.train_split), read_hub(config, config.test_split)
            sources = config.name, config.name
    counts = Counter[str]()
    train_problems = _parse(train, config, sources[0], "train", counts)
    if test is not None:
        test_problems = _parse(test, config, str(sources[1]), "test", counts)
    else:
        assert isinstance(config, FileData)
        train_problems, test_problems = _split(train_problems, config)
    test_ids = {problem.id for problem in test_problems}
    kept = [problem for problem in train_problems if problem.id not in test_ids]
    counts["overlap"] = len(train_problems) - len(kept)
    train_problems = _draw(kept, config.num_train, config.seed)
    test_problems = _draw(test_problems, config.num_test, config.seed)
    if not train_problems or not test_problems:
        raise ValueError(
            f"data: {len(train_problems)} training and {len(test_problems)} test problems are left after "
            f"reading ({dict(counts)}); both need at least one"
        )
    counts.update(train=len(train_problems), test=len(test_problems))
    return ProblemSet(train_problems, test_problems, dict(counts))


def _parse(
    rows: Iterable[RawRow], config: RowData, source: str, part: str, counts: Counter[str]
) -> list[Problem]:
    found: dict[str, Problem] = {}
    counts.update({f"{part}_{kind}": 0 for kind in ("rows", "bad_rows", "duplicates")})
    for place, row in rows:
        counts[f"{part}_rows"] += 1
        try:
            problem = parse_row(row, config, source)
        except BadRow as bad:
            if config.on_bad_row == "error":
                raise ValueError(f"{place}: {bad}; mend it, or set data.on_bad_row=skip") from bad
            counts[f"{part}_bad_rows"] += 1
            continue
        counts[f"{part}_duplicates"] += problem.id in found
        found.setdefault(problem.id, problem)
    return list(found.values())


def _split(problems: list[Problem], config: FileData) -> tuple[list[Problem], list[Problem]]:
    if config.test_size >= len(problems):
        raise ValueError(
            f"data.test_size is {config.test_size}, but {config.train!r} holds {len(problems)} different "
            "problems; lower it, or give data.test"
        )
    test = _draw(problems, config.test_size, config.seed)
    test_ids = {problem.id for problem in test}
    return [problem for problem in problems if problem.id not in test_ids], test


def _draw(problems: list[Problem], count: int | None, seed: int) -> list[Problem]:
    """`count` problems in their old order; a larger count draws the same ones and more."""
    order = list(range(len(problems)))
    Random(seed).shuffle(order)
    return [problems[index] for index in sorted(order[:count])]
