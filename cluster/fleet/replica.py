"""One replica of a fleet and the engine that currently runs it."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from cluster.types import Heartbeat

from .health import Health
from .status import EngineStatus

Answer = Future[Any]
EngineT = TypeVar("EngineT", bound="EngineHandle")


class EngineHandle(Protocol):
    """Handle of an engine that runs in another process or thread."""

    def call(self, method: str, args: Sequence[Any], done: Callable[[Answer], None]) -> None:
        """Call a method; `done` receives the result or error, on any thread."""

    def loss_reason(self, error: BaseException) -> str | None:
        """Reason why the engine is lost, or None if only the call failed."""

    def is_unreachable(self, error: BaseException) -> bool:
        """Whether the error means that the engine cannot be reached now, though it may be alive."""

    def kill(self) -> None:
        """Kill the engine and free its resources."""


@dataclass(eq=False)
class Replica(Generic[EngineT]):
    """A replica of the model, run by one engine after another."""

    number: int
    engine: EngineT
    health: Health
    generation: int = 0
    """Number of engines lost so far; replies from earlier generations are ignored."""
    heartbeat_sent: float = 0.0
    """Time of the last heartbeat request."""
    heartbeat_pending: bool = False
    """Whether that request has not been answered yet."""
    loading: bool = False
    """Whether the engine is loading weights."""
    heartbeat: Heartbeat | None = None
    """Last heartbeat of the current engine."""
    heartbeat_received: float = 0.0
    """Time of that heartbeat."""
    tokens_per_second: float = 0.0
    busy: float = 0.0
    """Share of the time between the last two heartbeats in which the engine had work."""
    tokens: int = 0
    busy_seconds: float = 0.0
    """Total of all generations, like `tokens`."""

    def record_heartbeat(self, now: float, heartbeat: Heartbeat) -> None:
        """Update throughput and load from a heartbeat."""
        if self.heartbeat is not None and now > self.heartbeat_received:
            seconds = now - self.heartbeat_received
            tokens = heartbeat.tokens - self.heartbeat.tokens
            busy_seconds = heartbeat.busy_seconds - self.heartbeat.busy_seconds
            self.tokens_per_second, self.busy = tokens / seconds, min(1.0, busy_seconds / seconds)
            self.tokens += tokens
            self.busy_seconds += busy_seconds
        self.heartbeat_pending, self.heartbeat, self.heartbeat_received = False, heartbeat, now

    def replace_engine(self, engine: EngineT) -> None:
        """Continue with another engine."""
        self.engine, self.heartbeat, self.tokens_per_second, self.busy = engine, None, 0.0, 0.0

    def status(self, queue: int) -> EngineStatus:
        """Status for monitoring; `queue` is the number of its tasks."""
        version = self.heartbeat.version if self.heartbeat else 0
        return EngineStatus(
            self.number,
            self.health.state.value,
            version,
            queue,
            self.generation,
            self.tokens_per_second,
            self.busy,
            self.tokens,
            self.busy_seconds,
        )
