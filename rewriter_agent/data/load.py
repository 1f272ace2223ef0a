"""Problems for training and testing, from any source."""

from collections import Counter
from collections.abc import Generator, Sequence
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
    Paths,
    RowData,
    SciqData,
    SourceConfig,
)

from . import sciq
from .files import listed
from .lab_world import problems as lab
from .mix import mix_problems
from .problem import Problem, ProblemSet
from .read import FIRST_ROWS, Table, open_files, open_named
from .rows import BadRow, parse_row


@dataclass(frozen=True)
class _Part:
    """Training or test rows, and the name of their source."""

    source: str
    table: Table


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
        for name, parts in zip(("train", "test"), _file_parts(config), strict=True):
            _parse(parts, config, name, Counter(), [], FIRST_ROWS)


def _load_rows(config: FileData | HubData) -> ProblemSet:
    train, test = _file_parts(config) if isinstance(config, FileData) else _hub_parts(config)
    counts, skipped = Counter[str](), list[str]()
    train_problems = _parse(train, config, "train", counts, skipped)
    if test:
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


def _file_parts(config: FileData) -> tuple[list[_Part], list[_Part]]:
    def parts(given: Paths | None, key: str) -> list[_Part]:
        return [_Part(path, open_files(path, key)) for path in listed(given)]

    return parts(config.train, "data.train"), parts(config.test, "data.test")


def _hub_parts(config: HubData) -> tuple[list[_Part], list[_Part]]:
    def part(split: str, key: str) -> _Part:
        return _Part(config.name, open_named(config.name, config.subset, split, f"data.{key}"))

    train = part(config.train_split, "train_split")
    return [train], [] if config.test_size else [part(config.test_split, "test_split")]


def _parse(
    parts: Sequence[_Part],
    config: RowData,
    name: str,
    counts: Counter[str],
    skipped: list[str],
    most: int | None = None,
) -> list[Problem]:
    """Problems of the rows, of `most` rows a part at most."""
    found: dict[str, Problem] = {}
    first_bad = ""
    counts.update({f"{name}_{kind}": 0 for kind in ("rows", "bad_rows", "duplicates")})
    rows = (
        (part.source, *row) for part in parts for row in islice(part.table.rows(config.columns.names), most)
    )
    for source, place, row in rows:
        counts[f"{name}_rows"] += 1
        try:
            problem = parse_row(row, config, source)
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
        where = (
            ", ".join(listed(config.train))
            if isinstance(config, FileData)
            else f"{config.name} [{config.train_split}]"
        )
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
