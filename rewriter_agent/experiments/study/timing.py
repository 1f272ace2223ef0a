"""Seconds of a study's phases, over all attempts."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rewriter_agent.io.files import read_json, write_json


class Clock:
    """Adds each phase's seconds to a file, also if the phase ends with an error."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seconds: dict[str, float] = read_json(path) if path.exists() else {}

    @contextmanager
    def __call__(self, phase: str) -> Generator[None]:
        """Time the block."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[phase] = round(self.seconds.get(phase, 0.0) + time.monotonic() - start, 1)
            write_json(self.path, self.seconds)
