"""Futures that are done when a condition holds."""

from collections.abc import Callable
from concurrent.futures import Future


class Waiters:
    """Futures with the condition that each waits for, which `resolve` looks at."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[], bool], Future[None]]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, condition: Callable[[], bool], done: Future[None]) -> None:
        """Have `done` wait for the condition."""
        self._waiting.append((condition, done))

    def resolve(self) -> None:
        """Set the futures whose condition holds."""
        waiting = []
        for condition, done in self._waiting:
            if condition():
                done.set_result(None)
            else:
                waiting.append((condition, done))
        self._waiting = waiting

    def fail(self, error: BaseException) -> None:
        """End all futures with an error."""
        for _, done in self._waiting:
            done.set_exception(error)
        self._waiting = []
