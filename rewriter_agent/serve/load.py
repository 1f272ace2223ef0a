"""Rows at work: a thread for each, and limits on the unanswered ones."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from rewriter_agent.config.serve import ServeConfig

from .errors import ServiceError

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Load:
    """Threads for the rows, and the number of unanswered rows of each token.

    Engines batch by themselves, so each row has a thread that waits for its own answers.
    """

    def __init__(self, config: ServeConfig) -> None:
        self.config = config
        self.unanswered: Counter[str] = Counter()
        self.is_draining = False
        self._pool = ThreadPoolExecutor(config.concurrency, thread_name_prefix="row")

    @property
    def rows(self) -> int:
        """Unanswered rows of all tokens."""
        return self.unanswered.total()

    @contextmanager
    def admitted(self, token: str, count: int) -> Generator[None]:
        """Count rows as unanswered inside the block.

        Raises:
            ServiceError: there would be too many.
        """
        self._check(token, count)
        self.unanswered[token] += count
        try:
            yield
        finally:
            self.unanswered[token] -= count

    def _check(self, token: str, count: int) -> None:
        config = self.config
        if self.is_draining:
            raise ServiceError(503, "stopping", "the service is stopping; send the request again soon")
        if count > config.max_rows:
            raise ServiceError(
                422,
                "too_many_rows",
                f"a request has at most {config.max_rows} rows (serve.max_rows), and this one has {count}; send "
                "several requests",
            )
        if self.unanswered[token] + count > config.max_rows_per_token:
            raise ServiceError(
                429,
                "too_many_unanswered",
                f"{self.unanswered[token]} rows of this token are unanswered, of at most {config.max_rows_per_token} "
                "(serve.max_rows_per_token); wait for them",
            )
        if self.rows + count > config.max_rows_in_progress:
            raise ServiceError(
                503,
                "full",
                f"{self.rows} rows are unanswered, of at most {config.max_rows_in_progress} "
                "(serve.max_rows_in_progress); try again later",
            )

    async def call(self, work: Callable[[Item], Answer], item: Item) -> Answer:
        """Return `work(item)`, done in a thread.

        Raises:
            ServiceError: it took longer than a request may.
        """
        try:
            async with asyncio.timeout(self.config.max_seconds):
                return await asyncio.get_running_loop().run_in_executor(self._pool, work, item)
        except TimeoutError:
            raise ServiceError(
                503,
                "timeout",
                f"the row took longer than {self.config.max_seconds:g} s (serve.max_seconds); try again, with fewer "
                "rows at a time",
            ) from None

    async def as_finished(
        self, work: Callable[[Item], Answer], items: Sequence[Item], at_once: int | None = None
    ) -> AsyncIterator[tuple[int, Answer | Exception]]:
        """Yield the number and the answer, or the error, of each item when it is finished.

        `at_once` items are begun at a time; None sets no limit but the threads.
        """
        room = asyncio.Semaphore(at_once or len(items))

        async def one(number: int) -> tuple[int, Answer | Exception]:
            async with room:
                [result] = await asyncio.gather(self.call(work, items[number]), return_exceptions=True)
            if isinstance(result, Exception):
                return number, result
            if isinstance(result, BaseException):
                raise result
            return number, result

        tasks = [asyncio.create_task(one(number)) for number in range(len(items))]
        try:
            for finished in asyncio.as_completed(tasks):
                yield await finished
        finally:
            # The client has gone: rows that wait are not begun.
            for task in tasks:
                task.cancel()

    def close(self) -> None:
        """End the threads; rows that wait are not begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)
