"""Batches: files of rows, worked on one after the other, whose state is a folder each."""

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from rewriter_agent.data.rows import BadRow
from rewriter_agent.io.files import atomic, batches, read_json, write_json, write_jsonl
from rewriter_agent.io.foreign_json import decode_json

from . import schema
from .errors import ServiceError, describe, validation_message
from .load import Load
from .parquet_rows import is_parquet, rows_of_parquet
from .service import RewritingService

SHARD = 256
"""Rows of a part, which is the most that a killed service repeats."""
ID = re.compile(r"[0-9a-f]{16}")
ATTEMPTS = 3


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
    """All batches of a service. A new service resumes the unfinished ones of an earlier service."""

    def __init__(self, folder: Path, service: RewritingService, load: Load) -> None:
        self.folder = folder
        self.service = service
        self.load = load
        self._changed = asyncio.Event()
        self._first: dict[str, tuple[float, int]] = {}
        """Time and finished rows when this process began with a batch."""

    async def add(self, owner: str, body: AsyncIterator[bytes]) -> schema.Batch:
        """Save the uploaded rows as a new batch.

        Raises:
            ServiceError: the file is too large or holds no row, or the owner has too many batches.
        """
        self._check_room(owner)
        name = secrets.token_hex(8)
        batch = BatchFolder(self.folder / name)
        with atomic(batch.path) as temporary:
            temporary.mkdir()
            try:
                async with asyncio.timeout(self.load.config.max_seconds):
                    count = await self._save(body, BatchFolder(temporary).rows)
            except ClientDisconnect:
                raise ServiceError(400, "disconnected", "the client has gone") from None
            except TimeoutError:
                raise ServiceError(408, "slow_body", "the file did not arrive in time; split it") from None
            record = {"owner": owner, "rows": count, "created": time.time()}
            write_json(BatchFolder(temporary).record, record)
        self._changed.set()
        return self.status(owner, name)

    def status(self, owner: str, name: str) -> schema.Batch:
        """State of a batch.

        Raises:
            ServiceError: the owner has no such batch.
        """
        batch = self.find(owner, name)
        rows, done = batch.count, batch.done
        if batch.cancelled.exists():
            state = "cancelled"
        elif done == rows:
            state = "done"
        else:
            state = "running" if name in self._first else "queued"
        left = self._seconds_left(name, done, rows) if state == "running" else None
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
            for batch in reversed(self._all())
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

    async def work(self) -> None:
        """Work on the batches without end, the oldest first."""
        while True:
            self._changed.clear()
            for batch in self._all():
                if batch.done < batch.count:
                    await self._do(batch)
            await self._changed.wait()

    def _all(self) -> list[BatchFolder]:
        """Whole batches, the oldest first."""
        found = [BatchFolder(path) for path in self.folder.glob("*") if ID.fullmatch(path.name)]
        return sorted(found, key=lambda batch: read_json(batch.record)["created"])

    async def _do(self, batch: BatchFolder) -> None:
        self._first[batch.path.name] = (time.monotonic(), batch.done)
        try:
            for number, lines in enumerate(batches(_lines(batch.rows), SHARD)):
                if batch.cancelled.exists():
                    return
                if not batch.part(number).exists():
                    write_jsonl(batch.part(number), await self._answers(lines))
        finally:
            del self._first[batch.path.name]

    async def _answers(self, lines: list[bytes]) -> list[dict[str, Any]]:
        """Answers to lines, in order; half of the threads stay free for other requests.

        A row that takes too long is tried again, at last in vain.
        """
        found: dict[int, dict[str, Any]] = {}
        failed: dict[int, ServiceError] = {}
        for _ in range(ATTEMPTS):
            missing = [number for number in range(len(lines)) if number not in found]
            given, at_once = [lines[number] for number in missing], max(1, self.load.config.concurrency // 2)
            async for place, answer in self.load.as_finished(self._answer, given, at_once):
                if isinstance(answer, ServiceError):
                    failed[missing[place]] = answer
                elif isinstance(answer, Exception):
                    raise answer
                else:
                    found[missing[place]] = answer
        return [found.get(number) or _refusal(failed[number]) for number in range(len(lines))]

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            row = schema.Row.model_validate(decode_json(line))
            return {"rewrite": self.service.rewrite(row).model_dump(mode="json", exclude_none=True)}
        except ValidationError as error:
            refused = ServiceError(422, "invalid_row", validation_message(error.errors()))
        except BadRow as error:
            refused = describe(error)
        except ValueError as error:
            refused = ServiceError(422, "invalid_json", str(error))
        return _refusal(refused)

    def _seconds_left(self, name: str, done: int, rows: int) -> float | None:
        start, before = self._first[name]
        return None if done == before else (time.monotonic() - start) / (done - before) * (rows - done)

    def _check_room(self, owner: str) -> None:
        most = self.load.config.max_batches
        if sum(batch.state in ("queued", "running") for batch in self.of_owner(owner)) >= most:
            raise ServiceError(
                429,
                "too_many_batches",
                f"{most} batches of this token are not finished (serve.max_batches); wait, or cancel one",
            )

    async def _save(self, body: AsyncIterator[bytes], path: Path) -> int:
        """Write the body; the number of its rows."""
        limit, size = int(self.load.config.max_batch_mb * 1024**2), 0
        with path.open("wb") as file:
            async for chunk in body:
                size += len(chunk)
                if size > limit:
                    raise ServiceError(
                        413,
                        "body_too_large",
                        f"a batch has at most {self.load.config.max_batch_mb:g} MiB (serve.max_batch_mb); split it",
                    )
                file.write(chunk)
        if is_parquet(path):
            source = path.with_suffix(".parquet")
            path.rename(source)
            await rows_of_parquet(source, path, limit)
            source.unlink()
        count = await asyncio.to_thread(lambda: sum(1 for _ in _lines(path)))
        if not count:
            raise ServiceError(422, "no_rows", "the body holds no row; send a JSON object a line, or Parquet")
        return count


def _refusal(error: ServiceError) -> dict[str, Any]:
    return {"error": {"code": error.code, "message": str(error)}}


def _lines(path: Path) -> Iterator[bytes]:
    """Lines of a file that are not blank."""
    with path.open("rb") as file:
        yield from (line for line in file if line.strip())
