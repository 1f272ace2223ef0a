"""Which engine does which task: bookkeeping only. No task is lost, and none is answered twice."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Task = TypeVar("Task")
MOST_LOSSES = 5
"""A task that was lost with so many engines is the likely cause of it."""


@dataclass
class _Sent(Generic[Task]):
    task: Task
    losses: int = 0


class Dispatch(Generic[Task]):
    """Tasks that wait, and those that engines have; each engine has at most `window` of them."""

    def __init__(self, window: int) -> None:
        self.window = window
        self._waiting: deque[_Sent[Task]] = deque()
        self._running: dict[int, dict[int, _Sent[Task]]] = {}
        self._open: set[int] = set()
        # Engines with room, by how many tasks they have: the next task goes to one of those that have fewest.
        self._room: list[dict[int, None]] = [{} for _ in range(window)]
        self._tickets = 0

    def __len__(self) -> int:
        """Tasks not answered yet."""
        return len(self._waiting) + sum(map(len, self._running.values()))

    @property
    def engines(self) -> int:
        """Engines that take work."""
        return len(self._open)

    @property
    def waiting(self) -> int:
        """Tasks that no engine has."""
        return len(self._waiting)

    def running(self, engine: int) -> int:
        """Tasks that the engine has."""
        return len(self._running.get(engine, ()))

    def add(self, tasks: Iterable[Task]) -> None:
        """Behind all that wait."""
        self._waiting.extend(map(_Sent, tasks))

    def open(self, engine: int) -> None:
        """It takes work from now on."""
        self._open.add(engine)
        self._place(engine)

    def close(self, engine: int) -> None:
        """It takes no more; what it has may still be answered."""
        self._open.discard(engine)
        self._place(engine)

    def lost(self, engine: int, blame: bool = True) -> list[Task]:
        """The engine takes no more, and what it had waits again, before all else.

        `blame`: what it had may be why. Returns what was lost too often so, which waits no more.
        """
        self.close(engine)
        given_up = []
        for sent in reversed(self._running.pop(engine, {}).values()):
            sent.losses += blame
            if sent.losses < MOST_LOSSES:
                self._waiting.appendleft(sent)
            else:
                given_up.append(sent.task)
        return given_up

    def assign(self) -> Iterator[tuple[int, int, Task]]:
        """Engine, ticket and task of each that is to be sent now."""
        while self._waiting:
            engine = next((next(iter(engines)) for engines in self._room if engines), None)
            if engine is None:
                return
            self._tickets += 1
            sent = self._waiting.popleft()
            self._running.setdefault(engine, {})[self._tickets] = sent
            self._place(engine)
            yield engine, self._tickets, sent.task

    def answered(self, engine: int, ticket: int) -> bool:
        """Whether the answer counts: not where the engine was given up, and the task sent to another, meanwhile."""
        counts = self._running.get(engine, {}).pop(ticket, None) is not None
        if counts:
            self._place(engine)
        return counts

    def _place(self, engine: int) -> None:
        for engines in self._room:
            engines.pop(engine, None)
        load = self.running(engine)
        if engine in self._open and load < self.window:
            self._room[load][engine] = None
