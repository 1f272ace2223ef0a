"""One status line at a time, with stage, elapsed time and what is left."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from .files import read_jsonl


class Progress:
    """Prints a stage's status lines: `[train 01:23] step 3/8 ...`."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.start = time.monotonic()

    def __call__(self, message: str) -> None:
        """Print one line."""
        print(f"[{self.stage} {clock(self.elapsed)}] {message}", flush=True)

    @property
    def elapsed(self) -> float:
        """Seconds since the stage began."""
        return time.monotonic() - self.start

    def share(self, done: int, total: int, already: int, message: str) -> None:
        """Print how far the stage is; the rest is estimated from what this process did beyond `already`."""
        left = self.elapsed / max(1, done - already) * (total - done)
        self(f"{done}/{total} {message} | about {clock(left)} left")

    @contextmanager
    def follow(self, metrics: Path, keys: dict[str, str]) -> Generator[None]:
        """While the block runs, print each new row of a JSONL file that another process writes.

        `keys` maps the row's metric to the name shown.
        """
        stop = Event()
        thread = Thread(target=self._follow, args=(metrics, keys, stop), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _follow(self, metrics: Path, keys: dict[str, str], stop: Event) -> None:
        shown = already = len(read_jsonl(metrics))
        last = False
        while not last:
            last = stop.wait(0.5)
            rows = [row for row in read_jsonl(metrics) if "step" in row]
            for row in rows[shown:]:
                values = "  ".join(
                    f"{name} {row[key]:.3g}" for key, name in keys.items() if row.get(key) is not None
                )
                self.share(row["step"], row["max_steps"], rows[already - 1]["step"] if already else 0, values)
            shown = max(shown, len(rows))


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"
