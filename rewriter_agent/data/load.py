"""Problems for training and testing, from any source."""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from rewriter_agent.config.data import (
    DataConfig,
    FileData,
    GsmSymbolicData,
    HubData,
    LabData,
    MixData,
    Paths,
    SciqData,
    SourceConfig,
    SquadData,
)

from . import reading
from .files import listed
from .formats import find_format
from .lab_world import problems as lab
from .mix import mix_problems
from .problem import ProblemSet
from .problem_rows import ProblemRows, RowWriter
from .read import FIRST_ROWS, Table, open_files, open_named
from .rows import RowParser
from .values import BadRow


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
        case SciqData() | SquadData():
            return reading.generate_problems(config)
        case FileData() | HubData():
            return _load_rows(config)


def check_first_rows(config: DataConfig) -> list[str]:
    """Read the first rows of local data files, to report mistakes before anything slow starts; returns their formats.

    Raises:
        ValueError: a missing file, or a row that cannot be used (unless rows are skipped).
    """
    lines: list[str] = []
    if isinstance(config, MixData):
        for name, source in config.sources.items():
            with _named(name):
                lines += [f"data.sources.{name}: {line}" for line in check_first_rows(source)]
    if isinstance(config, FileData):
        loading = _Loading(config)
        for name, parts in zip(("train", "test"), _file_parts(config), strict=True):
            if parts:
                loading.parse(parts, name, FIRST_ROWS)
        lines += loading.formats
    return lines


def _load_rows(config: FileData | HubData) -> ProblemSet:
    train_parts, test_parts = _file_parts(config) if isinstance(config, FileData) else _hub_parts(config)
    loading = _Loading(config)
    counts = loading.counts
    train = loading.parse(train_parts, "train")
    train, test = (train, loading.parse(test_parts, "test")) if test_parts else loading.split(train)
    kept = train.without(test)
    counts["overlap"] = len(train.problems) - len(kept.problems)
    train_problems = kept.drawn(config.num_train, config.seed).problems
    test_problems = test.drawn(config.num_test, config.seed).problems
    if not train_problems or not test_problems:
        raise ValueError(
            f"data: {len(train_problems)} training and {len(test_problems)} test problems are left after "
            f"reading ({dict(counts)}); both need at least one"
            + "".join(f"\n{line}" for line in loading.skipped)
        )
    counts.update(train=len(train_problems), test=len(test_problems))
    return ProblemSet(
        train_problems, test_problems, dict(counts), tuple(loading.skipped), tuple(loading.formats)
    )


def _file_parts(config: FileData) -> tuple[list[_Part], list[_Part]]:
    def parts(given: Paths | None, key: str) -> list[_Part]:
        return [_Part(path, open_files(path, key)) for path in listed(given)]

    return parts(config.train, "data.train"), parts(config.test, "data.test")


def _hub_parts(config: HubData) -> tuple[list[_Part], list[_Part]]:
    def part(split: str, key: str) -> _Part:
        return _Part(config.name, open_named(config.name, config.subset, split, f"data.{key}"))

    train = part(config.train_split, "train_split")
    return [train], [] if config.test_size else [part(config.test_split, "test_split")]


class _Loading:
    """Reading of one source: its counts, and lines for the user."""

    def __init__(self, config: FileData | HubData) -> None:
        self.config = config
        self.counts = Counter[str]()
        self.skipped: list[str] = []
        self.formats: list[str] = []

    def parse(self, parts: Sequence[_Part], name: str, most: int | None = None) -> ProblemRows:
        """New problems of each row, of `most` rows a part at most."""
        parser = self._parser(parts, name)
        found = RowWriter()
        first_bad, counts = "", self.counts
        counts.update({f"{name}_{kind}": 0 for kind in ("rows", "bad_rows", "duplicates")})
        for source, place, row in _raw_rows(parts, parser, most):
            counts[f"{name}_rows"] += 1
            try:
                problems = parser.problems(row, place, source)
            except BadRow as bad:
                if self.config.on_bad_row == "error":
                    raise ValueError(f"{place}: {bad}; correct it, or set data.on_bad_row=skip") from bad
                counts[f"{name}_bad_rows"] += 1
                first_bad = first_bad or f"{place}: {bad}"
                continue
            counts[f"{name}_duplicates"] += len(problems) - found.add(problems)
        if bad_rows := counts[f"{name}_bad_rows"]:
            self.skipped.append(
                f"{bad_rows} of {counts[f'{name}_rows']} rows skipped; the first: {first_bad}"
            )
        self.formats.append(_format_line(parts, parser, name, counts[f"{name}_rows"], most))
        return found.rows()

    def split(self, rows: ProblemRows) -> tuple[ProblemRows, ProblemRows]:
        """Training and test rows; the replies of a row stay together."""
        config = self.config
        assert config.test_size is not None
        if config.test_size >= rows.count:
            where = (
                ", ".join(listed(config.train))
                if isinstance(config, FileData)
                else f"{config.name} [{config.train_split}]"
            )
            raise ValueError(
                f"data.test_size is {config.test_size}, but {where!r} holds {rows.count} different "
                "problems; lower it, or name other test problems"
                + "".join(f"\n{line}" for line in self.skipped)
            )
        return rows.split(config.test_size, config.seed)

    def _parser(self, parts: Sequence[_Part], name: str) -> RowParser:
        config = self.config
        columns = parts[0].table.columns()
        return RowParser(config, find_format(columns, config.format, config.columns, f"data.{name}"))


def _raw_rows(
    parts: Sequence[_Part], parser: RowParser, most: int | None
) -> Iterator[tuple[str, str, object]]:
    """Source, place and columns of each row."""
    for part in parts:
        for place, row in islice(part.table.rows(parser.columns(part.table.columns())), most):
            yield part.source, place, row


def _format_line(parts: Sequence[_Part], parser: RowParser, name: str, rows: int, most: int | None) -> str:
    title = (
        parser.format.title if parser.format else f"columns ({', '.join(parser.config.columns.names[:2])})"
    )
    files = sum(part.table.files for part in parts)
    counted = [f"{files:,} file{'s' * (files > 1)}"] if files else []
    more = " or more" if most and rows >= most else ""
    data = "training" if name == "train" else "test"
    counted.append(f"{rows:,} row{'s' * (rows != 1)}{more}")
    prompts = "; each prompt is the row's own messages" if parser.format else ""
    return ", ".join([f"format of the {data} data: {title}", *counted]) + prompts
