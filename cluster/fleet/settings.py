"""How a fleet is watched over."""

from dataclasses import dataclass

from cluster.config import ClusterConfig

from .health import HealthPolicy


@dataclass(frozen=True)
class Settings:
    """When its engines are given up, and how much work each has."""

    health: HealthPolicy
    heartbeat_seconds: float = 5.0
    min_healthy: int = 1
    """With fewer engines that can work the fleet pauses."""
    window: int = 1
    """Tasks that an engine has at once."""

    @classmethod
    def of(cls, config: ClusterConfig, window: int = 1) -> "Settings":
        """Those of a run."""
        health = HealthPolicy(config.timeout, 6 * config.heartbeat, config.timeout, config.max_restarts)
        return cls(health, config.heartbeat, config.min_healthy, window)
