"""Raw rows of local files and data sets, each with a description of where it stands."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet

from rewriter_agent.config.data import HubData

RawRow = tuple[str, object]
"""Place for messages, and the row: a mapping, or the undecoded line of a JSON Lines file."""


def read_file(path: str, key: str) -> Iterator[RawRow]:
    """Rows of a .jsonl or .parquet file; `key` is the config key that named it.

    Blank lines are no rows. Raises ValueError when the file is missing or of another kind.
    """
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"{key}: there is no file {path!r}; give the path of a .jsonl or .parquet file")
    match file.suffix:
        case ".jsonl":
            return _jsonl(file)
        case ".parquet":
            return _parquet(file)
        case _:
            raise ValueError(f"{key}: {path!r} must end in .jsonl or .parquet; convert or rename it")


def read_hub(config: HubData, split: str) -> Iterator[RawRow]:
    """Rows of one split; see `read_named` for what it raises."""
    return read_named(config.name, config.subset, split, "data.name")


def read_named(name: str, subset: str | None, split: str, key: str) -> Iterator[RawRow]:
    """Rows of one split of a data set by its Hugging Face name or folder; `key` is the config key that named it.

    Raises:
        ValueError: it cannot be reached, or is not there.
    """
    import datasets  # takes seconds to import, and only this source needs it

    try:
        rows = datasets.load_dataset(name, subset, split=split)
    except (ConnectionError, FileNotFoundError) as error:
        raise ValueError(
            f"{key}: the data set '{name}' cannot be loaded ({error}). Check the name and the network, or give a local "
            ".jsonl or .parquet file"
        ) from error
    return ((f"{name} [{split}], row {number}", row) for number, row in enumerate(rows, 1))


def _jsonl(file: Path) -> Iterator[RawRow]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield f"{file}, line {number}", line


def _parquet(file: Path) -> Iterator[RawRow]:
    number = 0
    with pyarrow.parquet.ParquetFile(file) as table:
        for batch in table.iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield f"{file}, row {number}", row
