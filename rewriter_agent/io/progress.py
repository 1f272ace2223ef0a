"""Status lines with stage, elapsed time and estimated time left."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TextIO

from .files import read_jsonl


class Progress:
    """Prints a stage's status lines: `[train 01:23] step 3/8 ...`."""

    def __init__(self, stage: str, stream: TextIO | None = None) -> None:
        """`stream` takes the lines instead of standard output."""
        self.stage = stage
        self.stream = stream
        self.start = time.monotonic()
        self._first: tuple[int, float] | None = None

    def __call__(self, message: str) -> None:
        """Print one line."""
        print(f"[{self.stage} {clock(self.elapsed)}] {message}", file=self.stream, flush=True)

    @property
    def elapsed(self) -> float:
        """Seconds since the stage began."""
        return time.monotonic() - self.start

    def begin(self) -> None:
        """Reset the counter and the clock."""
        self._first = (0, self.elapsed)

    def share(self, done: int, total: int, message: str) -> None:
        """Print the stage's progress, and estimate the time left from the pace since `begin` or since the first call.

        Items that were complete before that do not count towards the pace."""
        if self._first is None:
            self._first = (done, self.elapsed)
        done_first, elapsed_first = self._first
        pace = (self.elapsed - elapsed_first) / (done - done_first) if done > done_first else None
        self(f"{done}/{total} {message}" + (f" | about {clock(pace * (total - done))} left" if pace else ""))

    @contextmanager
    def follow(self, metrics: Path, keys: dict[str, str], events: Path | None = None) -> Generator[None]:
        """Print each new row of a JSONL file that another process writes, while the block runs.

        `keys` maps the row's metric to the name shown. New lines of the file `events` are printed unchanged.
        """
        stop = Event()
        told = len(lines(events))
        thread = Thread(target=self._follow, args=(metrics, keys, events, told, stop), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _follow(
        self, metrics: Path, keys: dict[str, str], events: Path | None, told: int, stop: Event
    ) -> None:
        shown = len(read_jsonl(metrics))
        last = False
        while not last:
            last = stop.wait(0.5)
            for line in lines(events)[told:]:
                self(line)
                told += 1
            rows = [row for row in read_jsonl(metrics) if "step" in row]
            # A trainer that resumes from a checkpoint first drops the rows of the steps that it repeats.
            for row in rows[shown:]:
                values = "  ".join(
                    f"{name} {short(row[key])}" for key, name in keys.items() if row.get(key) is not None
                )
                self.share(row["step"], row["max_steps"], values)
            shown = len(rows)


def lines(path: Path | None) -> list[str]:
    """Read the complete lines of a file that another process writes; none if there is no file."""
    return path.read_text().split("\n")[:-1] if path is not None and path.exists() else []


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def short(value: float) -> str:
    """Three digits, or all of a large number."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
