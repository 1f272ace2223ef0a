"""Rows of a Parquet file as JSON Lines; its arguments are FILE OUTPUT BYTES SECONDS COLUMN...

A process of its own, with limits, since the file comes from a stranger. It imports little, to start fast.
"""

import json
import resource
import sys
from collections.abc import Mapping
from typing import TextIO

import pyarrow.parquet as pq

MEMORY = 8 * 1024**3
"""Most bytes of address space, of which Arrow reserves some that it does not use."""
ROWS_AT_ONCE = 64


def main(source: str, target: str, limit: int, seconds: int, columns: list[str]) -> None:
    """Write the rows with these columns, as far as the file has them; a missing value is left out."""
    set_limits(limit, seconds)
    with open(target, "w", encoding="utf-8") as lines:
        write_rows(source, lines, {name: name for name in columns})


def set_limits(limit: int, seconds: int) -> None:
    """Limit memory, processor time, and the size of a written file."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def write_rows(source: str, lines: TextIO, fields: Mapping[str, str]) -> None:
    """Write a line for each row of a Parquet file; `fields` has the field of a row for a column.

    Raises:
        ValueError: there is no column for `solution`.
    """
    file = pq.ParquetFile(source)
    held = [name for name in file.schema_arrow.names if name in fields]
    if "solution" not in [fields[name] for name in held]:
        raise ValueError("there is no column `solution`")
    for batch in file.iter_batches(ROWS_AT_ONCE, columns=held):
        for row in batch.to_pylist():
            given = {fields[name]: value for name, value in row.items() if value is not None}
            lines.write(json.dumps(given, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
