"""The part of the service that holds the engines: rows, texts, limits and counts, for any number of HTTP processes."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cluster.fleet.supervisor import EnginesLostError
from rewriter_agent.config.serve import ServeConfig
from rewriter_agent.data.rows import BadRow

from . import schema
from .batch_work import BatchWork
from .batches import Batches
from .chat import ChatRequest, chat_models, complete
from .errors import ServiceError, describe
from .load import Load
from .metrics import ServiceMetrics
from .service import RewritingService

Answer = schema.Rewrite | ServiceError


class Core:
    """Engines, limits, counts and the work on batches. Methods raise ServiceError if they refuse."""

    def __init__(self, service: RewritingService, config: ServeConfig, folder: Path) -> None:
        """Work on the batches in `folder`."""
        self.service = service
        self.load = Load(config)
        self.counts = ServiceMetrics(lambda: self.load.rows)
        self.batches = BatchWork(Batches(folder, config), service, self.load)

    @asynccontextmanager
    async def working(self) -> AsyncGenerator[None]:
        """Work on the batches inside the block; at its end, finish the rows at work."""
        worker = asyncio.create_task(self.batches.work())
        worker.add_done_callback(self._check_worker)
        try:
            yield
        finally:
            self.load.is_draining = True
            worker.cancel()
            await asyncio.to_thread(self.load.close)

    def _check_worker(self, ended: asyncio.Task[None]) -> None:
        if not ended.cancelled() and (error := ended.exception()):
            self.service.lost = f"the work on the batches has ended ({type(error).__name__})"

    async def rewrite(self, token: str, row: schema.Row) -> schema.Rewrite:
        """Rewrite one row."""
        with self.load.admitted(token, 1):
            answer = await self.load.call(self.service.rewrite, row)
        self.counts.add(answer)
        return answer

    async def rewrite_many(
        self, token: str, rows: Sequence[schema.Row]
    ) -> AsyncGenerator[tuple[int, Answer | None]]:
        """Yield each row's number and answer when it is finished; before them -1, with the refusal of all if any."""
        try:
            with self.load.admitted(token, len(rows)):
                yield -1, None
                async for index, answer in self.load.as_finished(self.service.rewrite, rows):
                    yield index, self._told(answer)
        except ServiceError as refusal:
            yield -1, refusal

    def _told(self, answer: schema.Rewrite | Exception) -> Answer:
        if isinstance(answer, schema.Rewrite):
            self.counts.add(answer)
            return answer
        if not isinstance(answer, ServiceError | BadRow | EnginesLostError):
            raise answer
        return describe(answer)

    async def gap(self, token: str, problem: schema.Problem) -> schema.Gap:
        """Score a solution under the backbone."""
        with self.load.admitted(token, 1):
            return await self.load.call(self.service.gap, problem)

    async def chat(self, token: str, request: ChatRequest) -> dict[str, Any]:
        """Write the next message of a conversation."""
        with self.load.admitted(token, request.n):
            return await self.load.call(lambda one: complete(self.service, one), request)

    async def models(self) -> list[str]:
        """Names of the models that `chat` knows."""
        return list(chat_models(self.service))

    async def versions(self) -> schema.Versions:
        """Everything that decides a target at present."""
        return self.service.versions

    async def check(self, ready: bool) -> None:
        """Refuse if no engine is left; with `ready`, also if nothing new is taken."""
        if ready and self.load.is_draining:
            raise ServiceError(503, "stopping", "the service answers what it has and takes nothing new")
        if self.service.lost:
            raise ServiceError(503, "engines_lost", self.service.lost)

    async def count(self, path: str, status: int) -> None:
        """Count an answered request."""
        await self.add_counts({(path, status): 1})

    async def add_counts(self, counts: Mapping[tuple[str, int], int]) -> None:
        """Count answered requests by path and status."""
        for (path, status), number in counts.items():
            self.counts.requests.labels(path, str(status)).inc(number)

    async def metrics(self) -> bytes:
        """Counts in Prometheus' format."""
        return self.counts.text()

    async def batch_added(self) -> None:
        """Begin with a new batch."""
        self.batches.changed.set()

    async def drain(self) -> None:
        """Take nothing new, and return when every row has its answer."""
        self.load.is_draining = True
        while self.load.rows:
            await asyncio.sleep(0.1)
