"""Bookkeeping of tasks and engines: no task is lost, and none is answered twice."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

TaskT = TypeVar("TaskT")
MAX_LOSSES = 5
"""Number of engines lost with the same task after which the task is the likely cause, and is given up."""


@dataclass
class _QueuedTask(Generic[TaskT]):
    task: TaskT
    losses: int = 0


class Dispatch(Generic[TaskT]):
    """Queue of waiting tasks, and the tasks that each engine is running, at most `window` per engine."""

    def __init__(self, window: int) -> None:
        self.window = window
        self._waiting: deque[_QueuedTask[TaskT]] = deque()
        self._running: dict[int, dict[int, _QueuedTask[TaskT]]] = {}
        self._open: set[int] = set()
        # Engines with free capacity by number of tasks: the next task goes to one with the fewest.
        self._by_load: list[dict[int, None]] = [{} for _ in range(window)]
        self._tickets = 0

    def __len__(self) -> int:
        """Number of unanswered tasks."""
        return len(self._waiting) + sum(map(len, self._running.values()))

    @property
    def engines(self) -> int:
        """Number of engines that accept tasks."""
        return len(self._open)

    @property
    def waiting(self) -> int:
        """Number of tasks in the queue."""
        return len(self._waiting)

    def running(self, engine: int) -> int:
        """Number of tasks that the engine is running."""
        return len(self._running.get(engine, ()))

    def add(self, tasks: Iterable[TaskT]) -> None:
        """Append tasks to the queue."""
        self._waiting.extend(map(_QueuedTask, tasks))

    def open(self, engine: int) -> None:
        """Let the engine accept tasks."""
        self._open.add(engine)
        self._update_load(engine)

    def close(self, engine: int) -> None:
        """Send the engine no more tasks; its running ones may still be answered."""
        self._open.discard(engine)
        self._update_load(engine)

    def requeue(self, engine: int, blame: bool = True) -> list[TaskT]:
        """Close the engine and put its running tasks back at the head of the queue.

        With `blame` the tasks count as a possible cause of the loss. Returns the tasks that have reached MAX_LOSSES,
        which are not queued again.
        """
        self.close(engine)
        given_up = []
        for queued in reversed(self._running.pop(engine, {}).values()):
            queued.losses += blame
            if queued.losses < MAX_LOSSES:
                self._waiting.appendleft(queued)
            else:
                given_up.append(queued.task)
        return given_up

    def assign(self) -> Iterator[tuple[int, int, TaskT]]:
        """Assign queued tasks while engines have capacity; yields engine, ticket and task."""
        while self._waiting:
            engine = next((next(iter(engines)) for engines in self._by_load if engines), None)
            if engine is None:
                return
            self._tickets += 1
            queued = self._waiting.popleft()
            self._running.setdefault(engine, {})[self._tickets] = queued
            self._update_load(engine)
            yield engine, self._tickets, queued.task

    def complete(self, engine: int, ticket: int) -> bool:
        """Record an answer; False if it is ignored, because the task was re-dispatched meanwhile."""
        counts = self._running.get(engine, {}).pop(ticket, None) is not None
        if counts:
            self._update_load(engine)
        return counts

    def _update_load(self, engine: int) -> None:
        for engines in self._by_load:
            engines.pop(engine, None)
        load = self.running(engine)
        if engine in self._open and load < self.window:
            self._by_load[load][engine] = None
