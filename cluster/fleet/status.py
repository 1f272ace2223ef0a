"""State and throughput of a fleet's engines, for monitoring."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class EngineStatus:
    """Status of one replica at its last heartbeat."""

    number: int
    state: str
    """Health state."""
    version: int
    """Version of the weights being served."""
    queue: int
    """Number of tasks sent to it and not answered yet."""
    restarts: int
    """Number of engines that this replica has lost."""
    tokens_per_second: float
    """Throughput since the previous heartbeat, prompt and completion tokens together."""
    busy: float
    """Share of that time in which the engine had work."""
    tokens: int = 0
    """Tokens computed by all engines of this replica."""
    busy_seconds: float = 0.0
    """Seconds of engine steps of all engines of this replica."""


Observe = Callable[[Sequence[EngineStatus]], None]


class FleetMetrics:
    """Metrics of a whole fleet, by the names under which a step logs them; rates are since the previous call."""

    def __init__(self, status: Callable[[], Sequence[EngineStatus]]) -> None:
        self.status = status
        self.last_call = time.monotonic()
        self.tokens, self.busy_seconds = _totals(status())

    def __call__(self) -> dict[str, float]:
        """Metrics as of the last heartbeats."""
        engines, now = self.status(), time.monotonic()
        working = sum(engine.state == "healthy" for engine in engines)
        tokens, busy_seconds = _totals(engines)
        seconds = now - self.last_call
        busy = min(1.0, (busy_seconds - self.busy_seconds) / seconds / working) if working else 0.0
        rate = (tokens - self.tokens) / seconds
        self.last_call, self.tokens, self.busy_seconds = now, tokens, busy_seconds
        return {
            "engines": working,
            "restarts": sum(engine.restarts for engine in engines),
            "queue": sum(engine.queue for engine in engines),
            "tokens_per_second": rate,
            "idle": 1 - busy,
        }


def _totals(engines: Sequence[EngineStatus]) -> tuple[int, float]:
    return sum(engine.tokens for engine in engines), sum(engine.busy_seconds for engine in engines)
