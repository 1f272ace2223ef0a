"""Batches: files of rows, whose state is a folder each. Any process may read and add them."""

import asyncio
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect

from rewriter_agent.config.serve import ServeConfig
from rewriter_agent.io.files import atomic, read_json, write_json

from . import schema
from .errors import ServiceError
from .hub_rows import rows_of_hub
from .parquet_rows import is_parquet, rows_of_parquet

SHARD = 256
"""Rows of a part, which is the most that a killed service repeats."""
ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class BatchFolder:
    """Files of one batch."""

    path: Path

    @property
    def rows(self) -> Path:
        """The rows as they were uploaded."""
        return self.path / "rows.jsonl"

    @property
    def record(self) -> Path:
        """Owner, number of rows and time of the upload; written last: its presence means that the upload is whole."""
        return self.path / "batch.json"

    @property
    def cancelled(self) -> Path:
        """Marker of a batch that is not to be continued."""
        return self.path / "cancelled"

    @property
    def pace(self) -> Path:
        """Time when the work began, and rows that were done then; there only while the batch is worked on."""
        return self.path / "pace.json"

    def read_pace(self) -> dict[str, Any] | None:
        """Read `pace`; None if the batch is not worked on. The worker may remove the file at any time."""
        try:
            return json.loads(self.pace.read_text())
        except FileNotFoundError:
            return None

    def part(self, number: int) -> Path:
        """Answers to the rows of one part."""
        return self.path / "parts" / f"part-{number:06d}.jsonl"

    @property
    def count(self) -> int:
        """Number of its rows."""
        return read_json(self.record)["rows"]

    @property
    def done(self) -> int:
        """Number of rows in finished parts."""
        return min(self.count, SHARD * len(self.parts()))

    def parts(self) -> list[Path]:
        """Finished parts, in order."""
        return sorted((self.path / "parts").glob("part-*.jsonl"))


class Batches:
    """All batches of a service."""

    def __init__(self, folder: Path, config: ServeConfig) -> None:
        self.folder = folder
        self.config = config

    async def add(self, owner: str, body: AsyncIterator[bytes]) -> schema.Batch:
        """Save the uploaded rows as a new batch.

        Raises:
            ServiceError: the file is too large or holds no row, or the owner has too many batches.
        """
        return await self._add(owner, lambda path: self._receive(body, path))

    async def add_named(self, owner: str, named: schema.HubRows) -> schema.Batch:
        """Save the rows of a data set of the Hugging Face Hub as a new batch.

        Raises:
            ServiceError: the service allows none, the data set cannot be used, or the owner has too many batches.
        """
        if not self.config.allow_hub:
            raise ServiceError(
                403, "no_hub", "this service takes no names of data sets (serve.allow_hub); upload the rows"
            )
        return await self._add(owner, lambda path: rows_of_hub(named, path, self._limit))

    async def _add(self, owner: str, save: Callable[[Path], Awaitable[None]]) -> schema.Batch:
        self._check_room(owner)
        name = secrets.token_hex(8)
        batch = BatchFolder(self.folder / name)
        with atomic(batch.path) as temporary:
            temporary.mkdir()
            try:
                async with asyncio.timeout(self.config.max_seconds):
                    await save(BatchFolder(temporary).rows)
            except ClientDisconnect:
                raise ServiceError(400, "disconnected", "the client has gone") from None
            except TimeoutError:
                raise ServiceError(408, "slow_body", "the file did not arrive in time; split it") from None
            count = await self._count(BatchFolder(temporary).rows)
            record = {"owner": owner, "rows": count, "created": time.time()}
            write_json(BatchFolder(temporary).record, record)
        return self.status(owner, name)

    def status(self, owner: str, name: str) -> schema.Batch:
        """State of a batch.

        Raises:
            ServiceError: the owner has no such batch.
        """
        batch = self.find(owner, name)
        # Read first: the worker removes it after the last part, and a batch that ends meanwhile is done.
        pace = batch.read_pace()
        rows, done = batch.count, batch.done
        if batch.cancelled.exists():
            state = "cancelled"
        elif done == rows:
            state = "done"
        else:
            state = "running" if pace else "queued"
        left = _seconds_left(pace, done, rows) if pace and state == "running" else None
        return schema.Batch(id=name, state=state, rows=rows, done=done, seconds_left=left)

    def find(self, owner: str, name: str) -> BatchFolder:
        """Folder of a batch.

        Raises:
            ServiceError: the owner has no such batch.
        """
        batch = BatchFolder(self.folder / name) if ID.fullmatch(name) else None
        if batch is None or not batch.record.exists() or read_json(batch.record)["owner"] != owner:
            raise ServiceError(404, "no_batch", "there is no such batch; GET /v1/batches lists yours")
        return batch

    def of_owner(self, owner: str) -> list[schema.Batch]:
        """State of each batch of an owner, the newest first."""
        return [
            self.status(owner, batch.path.name)
            for batch in reversed(self.all())
            if read_json(batch.record)["owner"] == owner
        ]

    def cancel(self, owner: str, name: str) -> schema.Batch:
        """Stop a batch after the part in progress; its finished parts stay."""
        if self.status(owner, name).state != "done":
            self.find(owner, name).cancelled.touch()
        return self.status(owner, name)

    def results(self, owner: str, name: str) -> Iterator[bytes]:
        """Answers of the finished parts, in the order of the rows."""
        for part in self.find(owner, name).parts():
            yield part.read_bytes()

    def all(self) -> list[BatchFolder]:
        """Whole batches, the oldest first."""
        found = [BatchFolder(path) for path in self.folder.glob("*") if ID.fullmatch(path.name)]
        return sorted(found, key=lambda batch: read_json(batch.record)["created"])

    def _check_room(self, owner: str) -> None:
        most = self.config.max_batches
        if sum(batch.state in ("queued", "running") for batch in self.of_owner(owner)) >= most:
            raise ServiceError(
                429,
                "too_many_batches",
                f"{most} batches of this token are not finished (serve.max_batches); wait, or cancel one",
            )

    @property
    def _limit(self) -> int:
        """Maximum size of the rows in bytes."""
        return int(self.config.max_batch_mb * 1024**2)

    async def _receive(self, body: AsyncIterator[bytes], path: Path) -> None:
        """Write the body, as JSON Lines."""
        size = 0
        with path.open("wb") as file:
            async for chunk in body:
                size += len(chunk)
                if size > self._limit:
                    raise ServiceError(
                        413,
                        "body_too_large",
                        f"a batch has at most {self.config.max_batch_mb:g} MiB (serve.max_batch_mb); split it",
                    )
                file.write(chunk)
        if is_parquet(path):
            source = path.with_suffix(".parquet")
            path.rename(source)
            await rows_of_parquet(source, path, self._limit)
            source.unlink()

    @staticmethod
    async def _count(path: Path) -> int:
        """Number of the rows, which must be one at least."""
        count = await asyncio.to_thread(lambda: sum(1 for _ in read_lines(path)))
        if not count:
            raise ServiceError(422, "no_rows", "there is no row; send a JSON object a line, or Parquet")
        return count


def _seconds_left(pace: dict[str, Any], done: int, rows: int) -> float | None:
    fresh = done - pace["done"]
    return (time.time() - pace["start"]) / fresh * (rows - done) if fresh else None


def read_lines(path: Path) -> Iterator[bytes]:
    """Lines of a file that are not blank."""
    with path.open("rb") as file:
        yield from (line for line in file if line.strip())
