"""What an engine is doing, for those who look on."""

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


Observe = Callable[[Sequence[EngineStatus]], None]


def fleet_metrics(engines: Sequence[EngineStatus]) -> dict[str, float]:
    """Of all engines of a fleet, by the names under which a step logs them."""
    working = [engine for engine in engines if engine.state == "healthy"]
    return {
        "engines": len(working),
        "restarts": sum(engine.restarts for engine in engines),
        "queue": sum(engine.queue for engine in engines),
        "tokens_per_second": sum(engine.tokens_per_second for engine in working),
        "idle": 1 - sum(engine.busy for engine in working) / len(working) if working else 1.0,
    }
