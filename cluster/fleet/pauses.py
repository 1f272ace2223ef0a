"""When a fleet pauses for want of engines, and when it resumes."""


class Pauses:
    """Tells each pause of a fleet, and its end, once; the initial start is no pause."""

    def __init__(self, fleet: str, engines: int, min_healthy: int) -> None:
        self._fleet, self._engines, self._min_healthy = fleet, engines, min_healthy
        self._has_started = False
        self._paused = False

    def update(self, available: int, wanted: bool) -> str | None:
        """Take the number of available engines, and whether anything waits for them; a line if that is news."""
        enough = available >= self._min_healthy
        self._has_started = self._has_started or enough
        before = self._paused
        # A pause lasts until there are enough engines, also if nothing waits for them any more.
        self._paused = self._has_started and not enough and (wanted or before)
        if self._paused == before:
            return None
        engines = f"{available} of {self._engines} engines"
        if self._paused:
            needed = f"{self._min_healthy} needed (cluster.min_healthy)"
            return f"fleet '{self._fleet}': paused, {engines} available, {needed}"
        return f"fleet '{self._fleet}': resumed with {engines}"
