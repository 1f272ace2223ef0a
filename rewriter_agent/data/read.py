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
    """Rows of one split; what `datasets.load_dataset` raises (no network, no such split) goes through."""
    import datasets  # takes seconds to import, and only this source needs it

    rows = datasets.load_dataset(config.name, config.subset, split=split)
    return ((f"{config.name} [{split}], row {number}", row) for number, row in enumerate(rows, 1))


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
