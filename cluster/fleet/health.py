"""State machine of one engine's health, without a clock, Ray calls or threads."""

from dataclasses import dataclass, field
from enum import StrEnum

from .settings import HealthPolicy


class State(StrEnum):
    """Health of one engine."""

    RESTARTING = "restarting"
    """The process is being placed or loads the model, also at the first start."""
    STALE = "stale"
    """The engine runs but has not acknowledged the fleet's current weights."""
    HEALTHY = "healthy"
    """The engine serves the fleet's version; only then it gets work."""
    SUSPECT = "suspect"
    """No recent heartbeat: the engine gets no new work, but may still answer its running tasks."""
    DEAD = "dead"
    """The engine was given up; its tasks are re-dispatched."""
    RETIRED = "retired"
    """Dead, and not restarted."""


TRANSITIONS: dict[State, frozenset[State]] = {
    State.RESTARTING: frozenset({State.STALE, State.DEAD}),
    State.STALE: frozenset({State.HEALTHY, State.DEAD}),
    State.HEALTHY: frozenset({State.SUSPECT, State.STALE, State.DEAD}),
    State.SUSPECT: frozenset({State.HEALTHY, State.STALE, State.DEAD}),
    # A dead engine serves again only after a start and an acknowledgement of the current weights.
    State.DEAD: frozenset({State.RESTARTING, State.RETIRED}),
    State.RETIRED: frozenset(),
}


@dataclass
class Health:
    """State of one engine; times are seconds of a monotonic clock."""

    policy: HealthPolicy
    since: float
    """Start of the current state."""
    proven: bool = False
    """Whether the engine has served before; one that never did is not restarted."""
    state: State = State.RESTARTING
    last_seen: float = 0.0
    """Time of the last heartbeat."""
    progress: tuple[int, float] = (0, 0.0)
    """Engine steps at the last heartbeat, and the last time that they had increased or the engine was idle."""
    restarts: int = 0
    acknowledged_at: float = float("inf")
    """Time of the first acknowledgement since the start."""
    start_timed_out: bool = False
    """Whether the last loss was a start that took too long; a further start would too."""
    reason: str = field(default="", compare=False)
    """Reason of the last loss."""

    def started(self, now: float) -> None:
        """Record that the model is loaded."""
        self._move(State.STALE, now)
        self.last_seen, self.progress = now, (0, now)

    def acknowledged(self, now: float) -> None:
        """Record that the engine serves the fleet's version."""
        self._move(State.HEALTHY, now)
        self.last_seen, self.progress, self.proven = now, (self.progress[0], now), True
        self.acknowledged_at = min(self.acknowledged_at, now)

    def outdated(self, now: float) -> None:
        """Record that the fleet serves another version from now on."""
        if self.state is not State.STALE:
            self._move(State.STALE, now)

    def record_heartbeat(self, now: float, steps: int, working: bool) -> None:
        """Record a heartbeat with the engine steps since the start and whether the engine has work."""
        self.last_seen = now
        if steps > self.progress[0] or not working:
            self.progress = (steps, now)
        if self.state is State.SUSPECT:
            self._move(State.HEALTHY, now)

    def unreachable(self, now: float) -> None:
        """Record that a call did not reach the engine, which may still be alive."""
        if self.state is State.HEALTHY:
            self._move(State.SUSPECT, now)

    def lost(self, now: float, reason: str) -> None:
        """Record that the engine's process has ended or was killed."""
        self.start_timed_out = self.state is State.RESTARTING and self._overdue(now)
        self._move(State.DEAD, now)
        self.reason = reason

    def try_restart(self, now: float) -> bool:
        """Move to RESTARTING if the policy allows another start, else to RETIRED; return whether it does."""
        if now - self.acknowledged_at > self.policy.start_seconds:
            self.restarts = 0
        self.acknowledged_at = float("inf")
        allowed = self.proven and not self.start_timed_out and self.restarts < self.policy.max_restarts
        self._move(State.RESTARTING if allowed else State.RETIRED, now)
        self.restarts += allowed
        return allowed

    def check(self, now: float) -> str | None:
        """Reason to give the engine up now, or None. An engine without recent heartbeats becomes suspect."""
        policy = self.policy
        if self.state in (State.RESTARTING, State.STALE):
            action = "start" if self.state is State.RESTARTING else "load the weights"
            return f"did not {action} within {policy.start_seconds:g} s" if self._overdue(now) else None
        if self.state not in (State.HEALTHY, State.SUSPECT):
            return None
        if now - self.last_seen > policy.dead_seconds:
            return f"sent no heartbeat for {policy.dead_seconds:g} s"
        if now - self.progress[1] > policy.dead_seconds:
            return f"made no progress for {policy.dead_seconds:g} s"
        if self.state is State.HEALTHY and now - self.last_seen > policy.suspect_seconds:
            self._move(State.SUSPECT, now)
        return None

    def _overdue(self, now: float) -> bool:
        return now - self.since > self.policy.start_seconds

    def _move(self, state: State, now: float) -> None:
        assert state in TRANSITIONS[self.state], f"no transition from {self.state} to {state}"
        self.state, self.since = state, now
