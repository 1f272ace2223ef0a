"""Status lines with stage, elapsed time and estimated time left."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TextIO

from .clock import clock
from .console import console
from .files import read_json, read_jsonl, write_json

SOONEST = 1.0
"""Seconds after which a pace can be told; lines of a shorter time are often written at once."""


class Progress:
    """Prints a stage's status lines: `[train 01:23] step 3/8 ...`.

    With a `record`, time and pace of earlier attempts count, even if they were killed.
    """

    def __init__(self, stage: str, stream: TextIO | None = None, record: Path | None = None) -> None:
        """Start the clock.

        Args:
            stage: Name in every line.
            stream: Takes the lines instead of the console.
            record: File that keeps time and pace for the next attempt.
        """
        known = read_json(record) if record is not None and record.exists() else {}
        self.stage = stage
        self.stream = stream
        self.record = record
        self.start = time.monotonic()
        self._before: float = known.get("seconds", 0.0)
        self._paces: dict[str, float] = known.get("paces", {})
        self._first: dict[str, tuple[int, float]] = {}

    def __call__(self, message: str) -> None:
        """Print one line."""
        line = self._line(message)
        if self.stream is None:
            console.say(line)
        else:
            self.stream.write(f"{line}\n")
            self.stream.flush()

    def detail(self, message: str) -> None:
        """Print a line that only `--verbose` shows."""
        console.detail(self._line(message))

    def _line(self, message: str) -> str:
        return f"[{self.stage} {clock(self.elapsed)}] {message}"

    @property
    def elapsed(self) -> float:
        """Seconds spent in the stage, by earlier attempts too."""
        return self._before + time.monotonic() - self.start

    def save(self) -> None:
        """Write the record, if there is one."""
        if self.record is not None:
            write_json(self.record, {"seconds": self.elapsed, "paces": self._paces})

    def begin(self, kind: str = "", done: int = 0) -> None:
        """Let the pace of a kind of work count from now, when `done` items are complete."""
        self._first[kind] = (done, self.elapsed)

    def restart(self, kind: str) -> None:
        """Let the pace of a kind of work count from its next line."""
        self._first.pop(kind, None)

    def share(self, done: int, total: int, message: str, kind: str = "") -> None:
        """Print the progress of a kind of work, and estimate the time left.

        The pace is that since `begin` or the first call: items that were complete before do not count towards it.
        Until that can be told, it is the pace of the attempt before.
        """
        done_first, elapsed_first = self._first.setdefault(kind, (done, self.elapsed))
        if done > done_first and self.elapsed - elapsed_first >= SOONEST:
            self._paces[kind] = (self.elapsed - elapsed_first) / (done - done_first)
        left = self._paces.get(kind, 0.0) * (total - done)
        self(f"{done}/{total} {message}" + (f" | about {clock(left)} left" if left else ""))
        self.save()

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


def short(value: float) -> str:
    """Three digits, or all of a large number."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
