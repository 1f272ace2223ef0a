"""Raw rows of local files and data sets, each with its place for messages."""

import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar, cast

import pyarrow as pa
import pyarrow.parquet as pq

from rewriter_agent.io.foreign_json import decode_json
from rewriter_agent.io.given_file import HEAD, PARQUET, check_file, check_kind
from rewriter_agent.user_errors import blaming, writing

from .files import COMPRESSED, FILE, find_files, is_saved_set, kind_of, saved_splits
from .values import UNREADABLE, BadRow, column_names, decode_row

T = TypeVar("T")
RawRow = tuple[str, object]
"""Place for messages, and the row: a mapping, a line of JSON, an Arrow batch of one row that has bad values, or the
fault of a row that has no columns."""
COPY_AGAIN = "Copy or download it again."
UNREACHED = f"Check name, subset, split, network and (for gated data) HF_TOKEN, or {FILE}."
TEST_SIZE = (
    "If the data set has no such split, set data.test_size=N to split N problems off the training split."
)
BATCH = 1000
"""Maximum rows in memory at a time."""
FIRST_ROWS = 100
"""Rows among which the first one that can be read shows the columns."""
csv.field_size_limit(sys.maxsize)


@dataclass(frozen=True)
class Table:
    """Rows of files or of a data set, of which only wanted columns are read."""

    columns: Callable[[], dict[str, bool]]
    """Names of the columns as the first rows have them; True for a column that holds lists, or nothing that tells."""
    rows: Callable[[Sequence[str]], Iterator[RawRow]]
    """Rows with these columns; a column `a.b` is the value `b` in the column `a`."""
    files: int = 0
    """Number of files; 0 for a data set on the hub."""


def read_file(path: str, key: str, columns: Sequence[str]) -> Iterator[RawRow]:
    """Rows of one or more files, see `open_files`."""
    return open_files(path, key).rows(columns)


def read_named(
    name: str, subset: str | None, split: str, key: str, columns: Sequence[str]
) -> Iterator[RawRow]:
    """`columns` of one split of a data set, see `open_named`."""
    return open_named(name, subset, split, key).rows(columns)


def open_files(path: str, key: str) -> Table:
    """Open a file, the files of a pattern, or a folder of `save_to_disk`; `key` is the config key that names it.

    Of Parquet only the wanted columns are read. Blank lines are no rows.

    Raises:
        ValueError: a file is missing, damaged or of another kind.
    """
    tables = [_open(file, key) for file in find_files(path, key)]
    return Table(
        tables[0].columns,
        lambda columns: chain.from_iterable(table.rows(columns) for table in tables),
        len(tables),
    )


def _open(file: Path, key: str) -> Table:
    if is_saved_set(file):
        rows = _load(
            lambda: _datasets().load_from_disk(str(file)), f"'{file}' cannot be read as a data set", key
        )
        return _named_table(rows, str(file), f"{key}: '{file}'")
    if splits := saved_splits(file):
        raise ValueError(
            f"{key}: '{file}' holds the splits {', '.join(splits)}; name the folder of one, such as "
            f"'{file / splits[0]}', or set data.source=hub and data.name to the folder"
        )
    kind, packed = kind_of(file)
    expected = PARQUET if kind == ".parquet" else None
    check_file(file, key, FILE, COMPRESSED[packed][1] if packed else expected)
    if packed:
        with _stream(file, key) as stream, blaming(f"{key}: '{file}' cannot be decompressed", COPY_AGAIN):
            head = stream.peek(HEAD)[:HEAD]
        check_kind(head, file, key, expected)
    match kind:
        case ".jsonl":
            return _line_table(file, lambda: _jsonl(file, key))
        case ".json":
            return _line_table(file, lambda: _json(file, key))
        case ".csv":
            return _line_table(file, lambda: _csv(file, key))
        case ".parquet":
            return Table(
                lambda: _shape(_parquet_file(file, key).schema_arrow),
                lambda columns: _parquet(file, key, columns),
            )
    raise ValueError(f"{key}: '{file}' has a name of another kind; {FILE}, or convert or rename it")


def open_named(name: str, subset: str | None, split: str, key: str) -> Table:
    """Open one split of a data set by its Hugging Face name or folder; `key` is the config key that names it.

    Raises:
        ValueError: it cannot be loaded, or has no such split.
    """
    folder = Path(name)
    if saved := saved_splits(folder):
        if split not in saved:
            raise ValueError(
                f"{key}: '{name}' has no split '{split}' (there are {', '.join(saved)}); {TEST_SIZE}"
            )
        return _open(folder / split, key)
    # It takes seconds to import, and only this source needs it.
    datasets = _datasets()
    change = f"{TEST_SIZE} {UNREACHED}" if key == "data.test_split" else UNREACHED
    rows = _load(
        lambda: datasets.load_dataset(name, subset, split=split),
        f"the data set '{name}' cannot be loaded, split '{split}'",
        key,
        change,
    )
    return _named_table(rows, f"{name} [{split}]", f"{key}: '{name}'")


def _datasets() -> Any:
    import datasets

    return datasets


def _load(load: Callable[[], Any], what: str, key: str, change: str = COPY_AGAIN) -> Any:
    from datasets import config
    from datasets.exceptions import DatasetGenerationError

    with writing(Path(config.HF_DATASETS_CACHE)), blaming(f"{key}: {what}", change):
        try:
            return load()
        except DatasetGenerationError as error:
            # The message of this class says only that there was an error; those of its subclasses are good.
            cause = error.__cause__ if type(error) is DatasetGenerationError else None
            raise cause or error from None
        except StopIteration:
            raise ValueError("its files hold no rows") from None


def _named_table(rows: Any, where: str, blamed: str) -> Table:
    def read(columns: Sequence[str]) -> Iterator[RawRow]:
        wanted = _top(columns, rows.column_names)
        check_columns(wanted, rows.column_names, blamed)
        tables = rows.select_columns(wanted).with_format("arrow").iter(BATCH)
        return _numbered((batch for table in tables for batch in table.to_batches()), where)

    return Table(lambda: _shape(rows.features.arrow_schema), read)


def check_columns(wanted: Sequence[str], given: Sequence[str], where: str) -> None:
    """Raise ValueError if a column is missing that every row needs."""
    if missing := [column for column in wanted if column not in given]:
        raise ValueError(
            f"{where}: column {missing[0]!r} is missing (there are {column_names(given)}); name the right one in the "
            "config"
        )


def _top(columns: Iterable[str], given: Sequence[str]) -> list[str]:
    """Columns to read for the wanted ones, of which some may be inside others."""
    return list(dict.fromkeys(c if c in given else c.partition(".")[0] for c in columns))


def _shape(schema: pa.Schema) -> dict[str, bool]:
    return {
        field.name: pa.types.is_list(field.type) or pa.types.is_large_list(field.type) for field in schema
    }


def _line_table(file: Path, rows: Callable[[], Iterator[RawRow]]) -> Table:
    def columns() -> dict[str, bool]:
        for _, row in islice(rows(), FIRST_ROWS):
            try:
                values = decode_row(row)
                return {name: value is None or isinstance(value, list) for name, value in values.items()}
            except BadRow:
                continue
        return {}

    return Table(columns, lambda _: rows())


def _stream(file: Path, key: str) -> io.BufferedReader:
    packed = kind_of(file)[1]
    if not packed:
        return file.open("rb")
    with blaming(f"{key}: '{file}' cannot be decompressed", COPY_AGAIN):
        stream = pa.input_stream(str(file), compression=COMPRESSED[packed][0])
        return io.BufferedReader(cast(Any, stream))


def _jsonl(file: Path, key: str) -> Iterator[RawRow]:
    with _stream(file, key) as lines:
        yield from _lines(lines, file)


def _lines(lines: Iterable[bytes], file: Path) -> Iterator[RawRow]:
    for number, line in enumerate(_read_all(lines, file), 1):
        if line.strip():
            yield f"{file}, line {number}", line


def _json(file: Path, key: str) -> Iterator[RawRow]:
    """Rows of one list, or of lines."""
    with _stream(file, key) as lines:
        head = next((line for line in _read_all(lines, file) if line.strip()), b"")
    with _stream(file, key) as lines:
        if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"["):
            yield from _lines(lines, file)
            return
        rows = decode_json(b"".join(_read_all(lines, file)), what=f"{key}: '{file}'")
    for number, row in enumerate(rows, 1):
        yield f"{file}, row {number}", row


def _csv(file: Path, key: str) -> Iterator[RawRow]:
    with io.TextIOWrapper(_stream(file, key), encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines, strict=True)
        for row in _read_all(reader, file):
            # Fields without a column have the key None.
            fault = (
                BadRow("the row has more fields than the first line names columns") if None in row else None
            )
            yield f"{file}, line {reader.line_num}", fault or row


def _read_all(items: Iterable[T], where: object, rows_of: Callable[[T], int] = lambda item: 1) -> Iterator[T]:
    """The items of a source that may be damaged; `rows_of` counts an item's rows for messages."""
    following = iter(items)
    number = 0
    while True:
        with blaming(f"{where} cannot be read after row {number}", COPY_AGAIN):
            item = next(following, None)
        if item is None:
            return
        yield item
        number += rows_of(item)


def _parquet_file(file: Path, key: str) -> pq.ParquetFile:
    with blaming(f"{key}: '{file}' cannot be read as Parquet", COPY_AGAIN):
        if not kind_of(file)[1]:
            return pq.ParquetFile(file)
        with _stream(file, key) as stream:
            return pq.ParquetFile(pa.BufferReader(stream.read()))


def _parquet(file: Path, key: str, columns: Sequence[str]) -> Iterator[RawRow]:
    with _parquet_file(file, key) as table:
        wanted = _top(columns, table.schema_arrow.names)
        check_columns(wanted, table.schema_arrow.names, str(file))
        yield from _numbered(table.iter_batches(BATCH, columns=wanted), str(file))


def _numbered(batches: Iterable[pa.RecordBatch], where: str) -> Iterator[RawRow]:
    number = 0
    for batch in _read_all(batches, where, len):
        for row in _decoded(batch):
            number += 1
            yield f"{where}, row {number}", row


def _decoded(batch: pa.RecordBatch) -> Sequence[object]:
    """Rows as mappings; if Python has no value for one of theirs, all of them undecoded."""
    try:
        rows = batch.to_pylist()
    except UNREADABLE:
        return [batch.slice(number, 1) for number in range(batch.num_rows)]
    nested = [field.name for field in batch.schema if pa.types.is_nested(field.type)]
    return [{**row, **{name: without_nulls(row[name]) for name in nested}} for row in rows]


def without_nulls(value: Any, in_list: bool = False) -> Any:
    """Leave out the empty fields of objects in lists: Arrow gives each all fields that any object has."""
    if isinstance(value, list):
        return [without_nulls(item, in_list=True) for item in value]
    if isinstance(value, dict):
        kept = {name: without_nulls(item, in_list) for name, item in value.items()}
        return {name: item for name, item in kept.items() if item is not None} if in_list else kept
    return value
