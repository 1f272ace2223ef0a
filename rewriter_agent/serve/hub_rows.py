"""Rows of a public data set of the Hugging Face Hub."""

from pathlib import Path

from . import schema
from .child_reader import SECONDS, read_in_child
from .errors import ServiceError


async def rows_of_hub(named: schema.HubRows, target: Path, limit: int) -> None:
    """Write the rows to `target`; they and the files that hold them have at most `limit` bytes.

    Raises:
        ServiceError: there is no such public data set, it lacks a column, or is too large.
    """
    columns = named.columns.model_dump(exclude_none=True)
    fields = [f"{field}={column}" for field, column in columns.items()]
    arguments = (named.name, named.subset, named.split, str(target), str(limit), str(SECONDS), *fields)
    if not await read_in_child("read_hub", arguments):
        raise ServiceError(
            422,
            "bad_data_set",
            "the Hugging Face Hub has no public data set with this name, subset and split in Parquet form, or it lacks "
            "a column, or it is larger than serve.max_batch_mb; check the names, or upload the rows",
        )
