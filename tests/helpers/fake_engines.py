"""Engines that answer after a delay, and can be made to die, hang or be cut off."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock
from typing import Any

from cluster.types import Heartbeat


class LostError(Exception):
    pass


class UnreachableError(Exception):
    pass


class FakeEngine:
    """Fake engine that answers `work` with its requests and its version, after `seconds`."""

    def __init__(self, seconds: float = 0.002, starts: bool = True, corrupt: bool = False) -> None:
        self.seconds = seconds
        self.starts = starts
        self.corrupt = corrupt
        self.version = 0
        self.killed = Event()
        self.hung = Event()
        self.cut = Event()
        self.steps = 0
        self.calls: list[str] = []
        self._lock = Lock()
        self._open: set[Future[Any]] = set()
        self._pool = ThreadPoolExecutor(4)

    def call(self, method: str, args: Sequence[Any], done: Callable[[Future[Any]], None]) -> None:
        future: Future[Any] = Future()
        future.add_done_callback(done)
        with self._lock:
            self.calls.append(method)
            self._open.add(future)
        if self.killed.is_set():
            self._end(LostError("killed"))
        elif self.cut.is_set():
            self._end(UnreachableError("cut off"))
        else:
            self._pool.submit(self._answer, future, method, args)

    def loss_reason(self, error: BaseException) -> str | None:
        return f"died: {error}" if isinstance(error, LostError) else None

    def is_unreachable(self, error: BaseException) -> bool:
        return isinstance(error, UnreachableError)

    def kill(self) -> None:
        self.killed.set()
        self._end(LostError("killed"))

    def cut_off(self) -> None:
        self.cut.set()
        self._end(UnreachableError("cut off"))

    def _end(self, error: Exception) -> None:
        with self._lock:
            ended, self._open = self._open, set()
        for future in ended:
            future.set_exception(error)

    def _answer(self, future: Future[Any], method: str, args: Sequence[Any]) -> None:
        if method == "ready" and not self.starts:
            return
        if method == "work" and self.hung.is_set():
            return
        if method != "heartbeat":
            time.sleep(self.seconds)
        try:
            answer = getattr(self, f"_{method}")(*args)
        except ValueError as raised:
            error = raised
            self._settle(future, lambda: future.set_exception(error))
        else:
            self._settle(future, lambda: future.set_result(answer))

    def _settle(self, future: Future[Any], settle: Callable[[], None]) -> None:
        with self._lock:
            counts = future in self._open
            self._open.discard(future)
        if counts:
            settle()

    def _ready(self) -> int:
        return self.version

    def _heartbeat(self) -> Heartbeat:
        self.steps += not self.hung.is_set()
        return Heartbeat(0, self.version, self.steps, True, 10 * self.steps, self.seconds * self.steps)

    def _load(self, version: int, checksum: int) -> tuple[int, int]:
        self.version = version
        return version, checksum ^ self.corrupt

    def _reset_to_base(self) -> tuple[int, int]:
        self.version = 0
        return 0, 0

    def _sleep(self) -> None:
        if self.hung.is_set():
            raise ValueError("no memory on the host")

    def _work(self, requests: Sequence[Any], version: int) -> list[Any]:
        if "bad" in requests:
            raise ValueError("a bad request")
        return [(request, self.version, version) for request in requests]
