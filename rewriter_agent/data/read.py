"""Raw rows of local files and data sets, each with its place for messages."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rewriter_agent.io.given_file import PARQUET, check_file
from rewriter_agent.user_errors import blaming, writing

from .rows import UNREADABLE, column_names

RawRow = tuple[str, object]
"""Place for messages, and the row: a mapping, a line of JSON, or an Arrow batch of one row that has bad values."""
FILE = "give the path of a .jsonl or .parquet file"
COPY_AGAIN = "Copy or download it again."
UNREACHED = (
    "Check name, subset, split, network and (for gated data) HF_TOKEN, or give a .jsonl or .parquet file."
)
TEST_SIZE = (
    "If the data set has no such split, set data.test_size=N to split N problems off the training split."
)
BATCH = 1000
"""Maximum rows in memory at a time."""


def read_file(path: str, key: str, columns: Sequence[str]) -> Iterator[RawRow]:
    """Rows of a .jsonl or .parquet file; `key` is the config key that names it.

    Of Parquet only `columns` are read. Blank lines are no rows.

    Raises:
        ValueError: the file is missing, damaged or of another kind.
    """
    file = Path(os.path.expanduser(path))
    match file.suffix:
        case ".jsonl":
            check_file(file, key, FILE)
            return _jsonl(file)
        case ".parquet":
            check_file(file, key, FILE, PARQUET)
            return _parquet(file, key, columns)
        case _:
            check_file(file, key, FILE)
            raise ValueError(f"{key}: {path!r} must end in .jsonl or .parquet; convert or rename it")


def read_named(
    name: str, subset: str | None, split: str, key: str, columns: Sequence[str]
) -> Iterator[RawRow]:
    """`columns` of one split of a data set by its Hugging Face name or folder; `key` is the config key that names it.

    Raises:
        ValueError: it cannot be loaded, or has no such split or column.
    """
    # It takes seconds to import, and only this source needs it.
    import datasets
    from datasets import config
    from datasets.exceptions import DatasetGenerationError

    change = f"{TEST_SIZE} {UNREACHED}" if key == "data.test_split" else UNREACHED
    what = f"{key}: the data set '{name}' cannot be loaded, split '{split}'"
    with writing(Path(config.HF_DATASETS_CACHE)), blaming(what, change):
        try:
            rows = datasets.load_dataset(name, subset, split=split)
        except DatasetGenerationError as error:
            # The message of this class says only that there was an error; those of its subclasses are good.
            cause = error.__cause__ if type(error) is DatasetGenerationError else None
            raise cause or error from None
        except StopIteration:
            raise ValueError("its files hold no rows") from None
    check_columns(columns, rows.column_names, f"{key}: '{name}'")
    tables = rows.select_columns(list(dict.fromkeys(columns))).with_format("arrow").iter(BATCH)
    batches = (batch for table in tables for batch in table.to_batches())
    return _numbered(batches, f"{name} [{split}]")


def check_columns(wanted: Sequence[str], given: Sequence[str], where: str) -> None:
    """Raise ValueError if a column is missing that every row needs."""
    if missing := [column for column in wanted if column not in given]:
        raise ValueError(
            f"{where}: column {missing[0]!r} is missing (there are {column_names(given)}); name the right one in the "
            "config"
        )


def _jsonl(file: Path) -> Iterator[RawRow]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield f"{file}, line {number}", line


def _parquet(file: Path, key: str, columns: Sequence[str]) -> Iterator[RawRow]:
    with blaming(f"{key}: '{file}' cannot be read as Parquet", COPY_AGAIN):
        table = pq.ParquetFile(file)
    with table:
        check_columns(columns, table.schema_arrow.names, str(file))
        yield from _numbered(table.iter_batches(BATCH, columns=list(dict.fromkeys(columns))), str(file))


def _numbered(batches: Iterator[pa.RecordBatch], where: str) -> Iterator[RawRow]:
    number = 0
    while True:
        with blaming(f"{where} cannot be read after row {number}", COPY_AGAIN):
            batch = next(batches, None)
        if batch is None:
            return
        for row in _decoded(batch):
            number += 1
            yield f"{where}, row {number}", row


def _decoded(batch: pa.RecordBatch) -> Sequence[object]:
    """Rows as mappings; if Python has no value for one of theirs, all of them undecoded."""
    try:
        return batch.to_pylist()
    except UNREADABLE:
        return [batch.slice(number, 1) for number in range(batch.num_rows)]
