"""A place in a fleet, and the engine that holds it."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from cluster.types import Beat

from .health import Health
from .status import EngineStatus

Answer = Future[Any]
EngineT = TypeVar("EngineT", bound="Engine")


class Engine(Protocol):
    """An engine elsewhere."""

    def call(self, method: str, args: Sequence[Any], done: Callable[[Answer], None]) -> None:
        """Ask for something; `done` is called, from any thread, with the answer or what went wrong."""

    def lost(self, error: BaseException) -> str | None:
        """Why the engine is gone, where the error says so; None where only the call failed."""

    def unreachable(self, error: BaseException) -> bool:
        """Whether the error says that the engine cannot be reached now, though it may live."""

    def kill(self) -> None:
        """End it, and give back what it holds."""


@dataclass(eq=False)
class Slot(Generic[EngineT]):
    """A place in the fleet, held by one engine after the other."""

    number: int
    engine: EngineT
    health: Health
    life: int = 0
    """Of its engine: what an earlier one answers counts no more."""
    asked: float = 0.0
    """When the last heartbeat was asked for."""
    beating: bool = False
    """It has not been answered yet."""
    loading: bool = False
    """It has been told to load weights, and has not answered."""
    beat: Beat | None = None
    """The last of its engine."""
    heard: float = 0.0
    """When that was."""
    tokens_per_second: float = 0.0
    busy: float = 0.0
    """Share of the time between its last two heartbeats."""
    tokens: int = 0
    busy_seconds: float = 0.0
    """Of all engines that have held the place."""

    def hear(self, now: float, beat: Beat) -> None:
        """Note what its engine says of itself."""
        if self.beat is not None and now > self.heard:
            seconds = now - self.heard
            tokens, busy_seconds = beat.tokens - self.beat.tokens, beat.busy_seconds - self.beat.busy_seconds
            self.tokens_per_second, self.busy = tokens / seconds, min(1.0, busy_seconds / seconds)
            self.tokens += tokens
            self.busy_seconds += busy_seconds
        self.beating, self.beat, self.heard = False, beat, now

    def replaced(self, engine: EngineT) -> None:
        """Another engine holds the place."""
        self.engine, self.beat, self.tokens_per_second, self.busy = engine, None, 0.0, 0.0

    def status(self, queue: int) -> EngineStatus:
        """What those who look on may know; `queue` tasks are its."""
        version = self.beat.version if self.beat else 0
        return EngineStatus(
            self.number,
            self.health.state.value,
            version,
            queue,
            self.life,
            self.tokens_per_second,
            self.busy,
            self.tokens,
            self.busy_seconds,
        )
