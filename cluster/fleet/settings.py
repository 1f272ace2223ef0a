"""Settings of a fleet and of the health checks of its engines."""

from dataclasses import dataclass

from cluster.config import ClusterConfig


@dataclass(frozen=True)
class HealthPolicy:
    """Limits after which an engine is given up, and the number of its restarts."""

    start_seconds: float = 600.0
    """Longest time for a start, or for loading weights."""
    suspect_seconds: float = 30.0
    """Time without a heartbeat after which an engine gets no more work."""
    dead_seconds: float = 120.0
    """Time without a heartbeat, or without progress despite work, after which an engine is given up."""
    max_restarts: int = 3
    """Restarts in a row; the count is cleared once an engine has served for `start_seconds`."""


@dataclass(frozen=True)
class FleetSettings:
    """Health policy and workload limits of a fleet."""

    health: HealthPolicy
    heartbeat_seconds: float = 5.0
    min_healthy: int = 1
    """Number of engines below which the fleet pauses."""
    window: int = 1
    """Largest number of tasks that an engine has at once."""

    @classmethod
    def of(cls, config: ClusterConfig, window: int = 1) -> "FleetSettings":
        """Settings from a run's config."""
        health = HealthPolicy(config.timeout, 6 * config.heartbeat, config.timeout, config.max_restarts)
        return cls(health, config.heartbeat, config.min_healthy, window)
