"""Uploaded Parquet files as JSON Lines."""

import asyncio
import sys
from pathlib import Path

from .errors import ServiceError
from .schema import Row

MAGIC = b"PAR1"
"""First bytes of every Parquet file."""
SECONDS = 600


def is_parquet(path: Path) -> bool:
    """Whether a file begins as Parquet."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


async def rows_of_parquet(source: Path, target: Path, limit: int) -> None:
    """Write the rows of `source` to `target`, at most `limit` bytes.

    Raises:
        ServiceError: the file cannot be read, lacks a column, or takes too much memory or time.
    """
    module = f"{__package__}.read_parquet"
    values = (str(source), str(target), str(limit), str(SECONDS))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *values, *Row.model_fields, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(SECONDS):
            await child.wait()
    finally:
        if child.returncode is None:
            child.kill()
    if child.returncode:
        raise ServiceError(
            422,
            "bad_file",
            "the file begins as Parquet and cannot be read, has no column `solution`, or is too large; check it, or "
            "send JSON Lines",
        )
