"""Uploaded Parquet files as JSON Lines."""

from pathlib import Path

from .child_reader import SECONDS, read_in_child
from .errors import ServiceError
from .schema import Row

MAGIC = b"PAR1"
"""First bytes of every Parquet file."""


def is_parquet(path: Path) -> bool:
    """Whether a file begins as Parquet."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


async def rows_of_parquet(source: Path, target: Path, limit: int) -> None:
    """Write the rows of `source` to `target`, at most `limit` bytes.

    Raises:
        ServiceError: the file cannot be read, lacks a column, or takes too much memory or time.
    """
    arguments = (str(source), str(target), str(limit), str(SECONDS), *Row.model_fields)
    if not await read_in_child("read_parquet", arguments):
        raise ServiceError(
            422,
            "bad_file",
            "the file begins as Parquet and cannot be read, has no column `solution`, or is too large; check it, or "
            "send JSON Lines",
        )
