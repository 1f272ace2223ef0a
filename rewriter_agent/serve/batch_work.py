"""The work on batches: one after the other, the oldest first, over restarts."""

import asyncio
import time
from typing import Any

from pydantic import ValidationError

from rewriter_agent.data.rows import BadRow
from rewriter_agent.io.files import batches, write_json, write_jsonl
from rewriter_agent.io.foreign_json import decode_json

from . import schema
from .batches import SHARD, Batches, BatchFolder, read_lines
from .errors import ServiceError, describe, validation_message
from .load import Load
from .service import RewritingService

ATTEMPTS = 3


class BatchWork:
    """Rows of batches to answers. A new process resumes the unfinished batches of an earlier one."""

    def __init__(self, store: Batches, service: RewritingService, load: Load) -> None:
        self.store = store
        self.service = service
        self.load = load
        self.changed = asyncio.Event()
        """Set when there is a new batch."""

    async def work(self) -> None:
        """Work on the batches without end, the oldest first."""
        while True:
            self.changed.clear()
            for batch in self.store.all():
                if batch.done < batch.count:
                    await self._do(batch)
            await self.changed.wait()

    async def _do(self, batch: BatchFolder) -> None:
        write_json(batch.pace, {"start": time.time(), "done": batch.done})
        try:
            for number, lines in enumerate(batches(read_lines(batch.rows), SHARD)):
                if batch.cancelled.exists():
                    return
                if not batch.part(number).exists():
                    write_jsonl(batch.part(number), await self._answers(lines))
        finally:
            batch.pace.unlink()

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


def _refusal(error: ServiceError) -> dict[str, Any]:
    return {"error": {"code": error.code, "message": str(error)}}
