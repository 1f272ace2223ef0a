"""Problems for training and testing, from any source."""

from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from random import Random

from rewriter_agent.config.data import (
    DataConfig,
    FileData,
    GsmSymbolicData,
    HubData,
    LabData,
    MixData,
    RowData,
    SciqData,
    SourceConfig,
)

from . import sciq
from .lab_world import problems as lab
from .mix import mix_problems
from .problem import Problem, ProblemSet
from .read import RawRow, read_file, read_named
from .rows import BadRow, parse_row

FIRST_ROWS = 100


@dataclass(frozen=True)
class _Part:
    """Training or test rows, and the name of their source."""

    source: str
    rows: Iterable[RawRow]


def load_problems(config: DataConfig) -> ProblemSet:
    """Training and test problems, the same for the same config.

    Of equal questions (see `problem_id`) the first stays; a training question that is a test question too
    leaves the training set. All of it is in `counts`.
    Raises ValueError for a missing file, an unusable row (unless rows are skipped) or an empty set.
    """
    if isinstance(config, MixData):
        return mix_problems(config, {name: _load_part(name, part) for name, part in config.sources.items()})
    return _load_source(config)


def _load_part(name: str, part: SourceConfig) -> ProblemSet:
    with _named(name):
        return _load_source(part)


@contextmanager
def _named(name: str) -> Generator[None]:
    """Put the source of a mix before a message about it."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"data.sources.{name}: {error}") from error


def _load_source(config: SourceConfig) -> ProblemSet:
    match config:
        case GsmSymbolicData():
            # Imports reasoning-gym, which takes seconds.
            from . import gsm_symbolic

            return gsm_symbolic.generate_problems(config)
        case LabData():
            return lab.generate_problems(config)
        case SciqData():
            return sciq.generate_problems(config)
        case FileData() | HubData():
            return _load_rows(config)


def check_first_rows(config: DataConfig) -> None:
    """Read the first rows of local data files, to report mistakes before anything slow starts.

    Raises:
        ValueError: a missing file, or a row that cannot be used (unless rows are skipped).
    """
    if isinstance(config, MixData):
        for name, source in config.sources.items():
            with _named(name):
                check_first_rows(source)
    if isinstance(config, FileData):
        for name, part in zip(("train", "test"), _file_rows(config), strict=True):
            if part is not None:
                first = _Part(part.source, islice(part.rows, FIRST_ROWS))
                _parse(first, config, name, Counter(), [])


def _load_rows(config: FileData | HubData) -> ProblemSet:
    train, test = _file_rows(config) if isinstance(config, FileData) else _hub_rows(config)
    counts, skipped = Counter[str](), list[str]()
    train_problems = _parse(train, config, "train", counts, skipped)
    if test is not None:
        test_problems = _parse(test, config, "test", counts, skipped)
    else:
        train_problems, test_problems = _split(train_problems, config, skipped)
    test_ids = {problem.id for problem in test_problems}
    kept = [problem for problem in train_problems if problem.id not in test_ids]
    counts["overlap"] = len(train_problems) - len(kept)
    train_problems = _draw(kept, config.num_train, config.seed)
    test_problems = _draw(test_problems, config.num_test, config.seed)
    if not train_problems or not test_problems:
        raise ValueError(
            f"data: {len(train_problems)} training and {len(test_problems)} test problems are left after "
            f"reading ({dict(counts)}); both need at least one" + "".join(f"\n{line}" for line in skipped)
        )
    counts.update(train=len(train_problems), test=len(test_problems))
    return ProblemSet(train_problems, test_problems, dict(counts), tuple(skipped))


def _file_rows(config: FileData) -> tuple[_Part, _Part | None]:
    columns = config.columns.names
    train = _Part(config.train, read_file(config.train, "data.train", columns))
    return train, _Part(config.test, read_file(config.test, "data.test", columns)) if config.test else None


def _hub_rows(config: HubData) -> tuple[_Part, _Part | None]:
    def part(split: str, key: str) -> _Part:
        return _Part(
            config.name, read_named(config.name, config.subset, split, f"data.{key}", config.columns.names)
        )

    train = part(config.train_split, "train_split")
    return train, None if config.test_size else part(config.test_split, "test_split")


def _parse(
    part: _Part, config: RowData, name: str, counts: Counter[str], skipped: list[str]
) -> list[Problem]:
    found: dict[str, Problem] = {}
    first_bad = ""
    counts.update({f"{name}_{kind}": 0 for kind in ("rows", "bad_rows", "duplicates")})
    for place, row in part.rows:
        counts[f"{name}_rows"] += 1
        try:
            problem = parse_row(row, config, part.source)
        except BadRow as bad:
            if config.on_bad_row == "error":
                raise ValueError(f"{place}: {bad}; correct it, or set data.on_bad_row=skip") from bad
            counts[f"{name}_bad_rows"] += 1
            first_bad = first_bad or f"{place}: {bad}"
            continue
        counts[f"{name}_duplicates"] += problem.id in found
        found.setdefault(problem.id, problem)
    if bad_rows := counts[f"{name}_bad_rows"]:
        skipped.append(f"{bad_rows} of {counts[f'{name}_rows']} rows skipped; the first: {first_bad}")
    return list(found.values())


def _split(
    problems: list[Problem], config: FileData | HubData, skipped: list[str]
) -> tuple[list[Problem], list[Problem]]:
    assert config.test_size is not None
    if config.test_size >= len(problems):
        where = config.train if isinstance(config, FileData) else f"{config.name} [{config.train_split}]"
        raise ValueError(
            f"data.test_size is {config.test_size}, but {where!r} holds {len(problems)} different "
            "problems; lower it, or name other test problems" + "".join(f"\n{line}" for line in skipped)
        )
    test = _draw(problems, config.test_size, config.seed)
    test_ids = {problem.id for problem in test}
    return [problem for problem in problems if problem.id not in test_ids], test


def _draw(problems: list[Problem], count: int | None, seed: int) -> list[Problem]:
    """`count` problems in their old order; a larger count draws the same ones and more."""
    order = list(range(len(problems)))
    Random(seed).shuffle(order)
    return [problems[index] for index in sorted(order[:count])]
