"""What an engine is doing, for those who look on."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class EngineStatus:
    """Of one place in a fleet, at its engine's last heartbeat."""

    number: int
    state: str
    """Of its health."""
    version: int
    """Of the weights that it serves."""
    queue: int
    """Tasks that it has."""
    restarts: int
    """Engines that were lost in this place."""
    tokens_per_second: float
    """That it computes, of prompts and of completions, since the heartbeat before."""
    busy: float
    """Share of that time in which it had something to do."""
    tokens: int = 0
    """That were computed in this place since its first heartbeat."""
    busy_seconds: float = 0.0
    """That they took."""


Observe = Callable[[Sequence[EngineStatus]], None]


class FleetMetrics:
    """Of all engines of a fleet, by the names under which a step logs them; rates are those since the step before."""

    def __init__(self, status: Callable[[], Sequence[EngineStatus]]) -> None:
        self.status = status
        self.looked = time.monotonic()
        self.tokens, self.busy_seconds = _work(status())

    def __call__(self) -> dict[str, float]:
        """As of the last heartbeats."""
        engines, now = self.status(), time.monotonic()
        working = sum(engine.state == "healthy" for engine in engines)
        tokens, busy_seconds = _work(engines)
        seconds = now - self.looked
        busy = min(1.0, (busy_seconds - self.busy_seconds) / seconds / working) if working else 0.0
        rate = (tokens - self.tokens) / seconds
        self.looked, self.tokens, self.busy_seconds = now, tokens, busy_seconds
        return {
            "engines": working,
            "restarts": sum(engine.restarts for engine in engines),
            "queue": sum(engine.queue for engine in engines),
            "tokens_per_second": rate,
            "idle": 1 - busy,
        }


def _work(engines: Sequence[EngineStatus]) -> tuple[int, float]:
    return sum(engine.tokens for engine in engines), sum(engine.busy_seconds for engine in engines)
