"""What is known of an engine and what may come next: a pure state machine, without clock, Ray or threads of its own."""

from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """Of one engine."""

    RESTARTING = "restarting"
    """Its process is being placed and loads the model; also at its first start."""
    STALE = "stale"
    """It runs, and has not yet acknowledged the weights that the fleet serves."""
    HEALTHY = "healthy"
    """It serves the fleet's version: the only state in which it gets work."""
    SUSPECT = "suspect"
    """It has not been heard of for a while: it gets no more work, what it has may still be answered."""
    DEAD = "dead"
    """It was given up; its requests go elsewhere."""
    RETIRED = "retired"
    """Dead, and not to be started again."""


NEXT: dict[State, frozenset[State]] = {
    State.RESTARTING: frozenset({State.STALE, State.DEAD}),
    State.STALE: frozenset({State.HEALTHY, State.DEAD}),
    State.HEALTHY: frozenset({State.SUSPECT, State.STALE, State.DEAD}),
    State.SUSPECT: frozenset({State.HEALTHY, State.STALE, State.DEAD}),
    # The point of it: what was dead serves again only after a start and an acknowledgement.
    State.DEAD: frozenset({State.RESTARTING, State.RETIRED}),
    State.RETIRED: frozenset(),
}


@dataclass(frozen=True)
class HealthPolicy:
    """When an engine is given up, and how often it is started again."""

    start_seconds: float = 600.0
    """A start, or loading weights, may take this long."""
    suspect_seconds: float = 30.0
    """Without a sign of life."""
    dead_seconds: float = 120.0
    """Without a sign of life, or with work and without progress at it."""
    max_restarts: int = 3
    """In a row: of an engine that has then worked for `start_seconds` they are forgotten."""


@dataclass
class Health:
    """One engine's state; times are seconds of any clock that does not go back."""

    policy: HealthPolicy
    since: float
    """When the state began."""
    proven: bool = False
    """It has worked before: one that never did is not started again."""
    state: State = State.RESTARTING
    seen: float = 0.0
    """The last sign of life."""
    progress: tuple[int, float] = (0, 0.0)
    """Engine steps done at the last sign of life, and when they last became more or the engine was idle."""
    restarts: int = 0
    acknowledged_at: float = float("inf")
    """When it first served something since its start."""
    late: bool = False
    """It did not start in time when it was lost last: another one would not either."""
    reason: str = field(default="", compare=False)
    """Why it died last."""

    def started(self, now: float) -> None:
        """The model is loaded."""
        self._move(State.STALE, now)
        self.seen, self.progress = now, (0, now)

    def acknowledged(self, now: float) -> None:
        """It serves the fleet's version."""
        self._move(State.HEALTHY, now)
        self.seen, self.progress, self.proven = now, (self.progress[0], now), True
        self.acknowledged_at = min(self.acknowledged_at, now)

    def outdated(self, now: float) -> None:
        """The fleet serves another version from now on."""
        if self.state is not State.STALE:
            self._move(State.STALE, now)

    def alive(self, now: float, steps: int, working: bool) -> None:
        """A sign of life: engine steps done since the start, and whether it has work."""
        self.seen = now
        if steps > self.progress[0] or not working:
            self.progress = (steps, now)
        if self.state is State.SUSPECT:
            self._move(State.HEALTHY, now)

    def unreachable(self, now: float) -> None:
        """It could not be asked something, though it may live."""
        if self.state is State.HEALTHY:
            self._move(State.SUSPECT, now)

    def lost(self, now: float, reason: str) -> None:
        """Its process has ended, or was ended."""
        self.late = self.state is State.RESTARTING and self._overdue(now)
        self._move(State.DEAD, now)
        self.reason = reason

    def restarted(self, now: float) -> bool:
        """Whether another start is allowed: it then begins."""
        if now - self.acknowledged_at > self.policy.start_seconds:
            self.restarts = 0
        self.acknowledged_at = float("inf")
        allowed = self.proven and not self.late and self.restarts < self.policy.max_restarts
        self._move(State.RESTARTING if allowed else State.RETIRED, now)
        self.restarts += allowed
        return allowed

    def check(self, now: float) -> str | None:
        """Why the engine must be given up now; None while it need not. An engine that is silent becomes suspect."""
        policy = self.policy
        if self.state in (State.RESTARTING, State.STALE):
            what = "start" if self.state is State.RESTARTING else "load the weights"
            return f"did not {what} within {policy.start_seconds:g} s" if self._overdue(now) else None
        if self.state not in (State.HEALTHY, State.SUSPECT):
            return None
        if now - self.seen > policy.dead_seconds:
            return f"gave no sign of life for {policy.dead_seconds:g} s"
        if now - self.progress[1] > policy.dead_seconds:
            return f"made no progress for {policy.dead_seconds:g} s"
        if self.state is State.HEALTHY and now - self.seen > policy.suspect_seconds:
            self._move(State.SUSPECT, now)
        return None

    def _overdue(self, now: float) -> bool:
        return now - self.since > self.policy.start_seconds

    def _move(self, state: State, now: float) -> None:
        assert state in NEXT[self.state], f"no way from {self.state} to {state}"
        self.state, self.since = state, now
