"""The core in another process: the deployment `rewriter` of Ray Serve, called through its handle."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from ray.exceptions import RayActorError
from ray.serve.exceptions import DeploymentUnavailableError, RequestCancelledError
from ray.serve.handle import DeploymentHandle

from . import schema
from .chat import ChatRequest
from .core import Answer
from .errors import ServiceError

UNANSWERED = (TimeoutError, DeploymentUnavailableError, RequestCancelledError)
"""Ends of a request without an answer; Serve tells a time limit as a cancellation."""
PAUSE = 0.5
"""Seconds before a request is sent again to the successor of a lost process."""
PROBE_SECONDS = 5
"""Longest time of a probe."""
COUNT_SECONDS = 1
"""Time between two reports of the counts of requests."""


class RemoteCore:
    """`Core` in another process, with the same methods.

    A request to a process that dies is sent again: the same row has the same target.
    """

    def __init__(self, handle: DeploymentHandle, patience: float) -> None:
        """Wait `patience` seconds for an answer."""
        self.handle = handle
        self.patience = patience
        self._counts: Counter[tuple[str, int]] = Counter()

    @asynccontextmanager
    async def working(self) -> AsyncGenerator[None]:
        """Report the counts of requests inside the block."""
        reporter = asyncio.create_task(self._report())
        try:
            yield
        finally:
            reporter.cancel()

    async def rewrite(self, token: str, row: schema.Row) -> schema.Rewrite:
        """Rewrite one row."""
        return await self._call("rewrite", token, row)

    async def rewrite_many(
        self, token: str, rows: Sequence[schema.Row]
    ) -> AsyncGenerator[tuple[int, Answer | None]]:
        """Yield answers as `Core.rewrite_many` does."""
        missing = dict(enumerate(rows))
        is_admitted = False
        while missing:
            numbers = list(missing)
            with suppress(RayActorError):
                async for place, answer in self._stream(token, list(missing.values())):
                    if place >= 0:
                        del missing[numbers[place]]
                        yield numbers[place], answer
                    elif not is_admitted:
                        is_admitted = answer is None
                        yield -1, answer
                    elif answer is not None:
                        # The successor of a lost process has no room for the rest.
                        for number in numbers:
                            yield number, answer
                        return
                return
            await asyncio.sleep(PAUSE)

    async def _stream(self, token: str, rows: list[schema.Row]) -> AsyncGenerator[tuple[int, Answer | None]]:
        answers: Any = self.handle.options(stream=True).rewrite_many.remote(token, rows)
        try:
            while True:
                yield await asyncio.wait_for(anext(answers), self.patience)
        except StopAsyncIteration:
            return
        except UNANSWERED:
            yield -1, _restarting()

    async def gap(self, token: str, problem: schema.Problem) -> schema.Gap:
        """Score a solution under the backbone."""
        return await self._call("gap", token, problem)

    async def chat(self, token: str, request: ChatRequest) -> dict[str, Any]:
        """Write the next message of a conversation."""
        return await self._call("chat", token, request)

    async def models(self) -> list[str]:
        """Names of the models that `chat` knows."""
        return await self._call("models")

    async def versions(self) -> schema.Versions:
        """Everything that decides a target at present."""
        return await self._call("versions")

    async def check(self, ready: bool) -> None:
        """Refuse if the engines do not work; with `ready`, also if nothing new is taken."""
        await self._call("check", ready, patience=PROBE_SECONDS)

    async def count(self, path: str, status: int) -> None:
        """Count an answered request."""
        self._counts[path, status] += 1

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(COUNT_SECONDS)
            if self._counts:
                counts, self._counts = self._counts, Counter()
                with suppress(ServiceError):
                    await self._call("add_counts", counts)

    async def metrics(self) -> bytes:
        """Counts in Prometheus' format."""
        return await self._call("metrics", patience=PROBE_SECONDS)

    async def batch_added(self) -> None:
        """Begin with a new batch; a process that starts finds it by itself."""
        with suppress(ServiceError):
            await self._call("batch_added", patience=PROBE_SECONDS)

    async def _call(self, method: str, *arguments: Any, patience: float | None = None) -> Any:
        try:
            async with asyncio.timeout(patience or self.patience):
                answer = await self._answer(method, arguments)
        except UNANSWERED:
            raise _restarting() from None
        if isinstance(answer, ServiceError):
            raise answer
        return answer

    async def _answer(self, method: str, arguments: Sequence[Any]) -> Any:
        while True:
            try:
                return await self.handle.call.remote(method, *arguments)
            except RayActorError:
                await asyncio.sleep(PAUSE)


def _restarting() -> ServiceError:
    return ServiceError(503, "restarting", "the engines are being started; try again later")
