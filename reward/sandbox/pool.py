"""The children of one parent: lent to a caller at a time, started as needed, replaced when spent."""

import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress

from reward.config import RewardConfig

from .child import Child
from .forkserver_client import Nursery, NurseryDied
from .worker import Kind


class Pool:
    """A pool of at most `size` processes and the forkserver; any thread may borrow, at most `size` at once."""

    def __init__(self, config: RewardConfig, size: int) -> None:
        self._config = config
        self._size = size
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._nursery: Nursery | None = None
        self._idle: list[Child] = []
        self._lent = 0

    @contextmanager
    def lend(self, kind: Kind) -> Generator[Child]:
        """A child of that kind, for one thread; one that runs code is always new.

        Raises:
            NurseryDied: no process could be started, twice.
        """
        with self._lock:
            self._lent += 1
            child = self._idle.pop() if kind is Kind.PARSER and self._idle else None
            # The oldest makes room, so that those in use stay in use and the others may end of idleness.
            surplus = (
                self._idle.pop(0) if child is None and self._lent + len(self._idle) > self._size else None
            )
        try:
            if surplus is not None:
                surplus.end()
            if child is None:
                child = self._fork(kind)
            yield child
        finally:
            if child is not None and child.spent:
                child.end()
            with self._lock:
                self._lent -= 1
                if child is not None and not child.spent:
                    self._idle.append(child)

    def pids(self) -> list[int]:
        """Process ids of the children that live."""
        with suppress(NurseryDied):
            return [] if self._nursery is None else self._nursery.pids()
        return []  # they died with it

    def close(self) -> None:
        """Ends all processes."""
        if self._nursery is not None:
            self._nursery.close()
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()

    def _fork(self, kind: Kind) -> Child:
        nursery = self._running(None)
        try:
            return Child(nursery, kind, self._config)
        except NurseryDied:
            return Child(self._running(nursery), kind, self._config)

    def _running(self, dead: Nursery | None) -> Nursery:
        with self._starting:
            if self._nursery is dead:
                if dead is not None:
                    dead.close()
                self._nursery = Nursery(self._config)
            assert self._nursery is not None
            return self._nursery
