"""Measurements of a part, which its process writes and the page shows."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One measured value, and what it should be."""

    what: str
    value: float
    unit: str = ""
    tolerance: float | None = None
    """Largest difference from the CPU's value; None if devices are not compared."""
    planned: float | None = None
    """Value by the plan."""

    def passes(self, cpu: "Row | None") -> bool:
        """Whether the value is a number, near the CPU's."""
        is_number = self.value == self.value
        return is_number and (
            cpu is None or self.tolerance is None or abs(self.value - cpu.value) <= self.tolerance
        )


@dataclass(frozen=True)
class Setting:
    """What a part runs on."""

    device: str
    """`cuda` or `cpu`."""
    folder: Path
    """Empty folder for its files."""


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write the rows as JSON."""
    path.write_text(json.dumps([asdict(row) for row in rows]))


def read_rows(path: Path) -> list[Row]:
    """Read what `write_rows` has written; nothing if the part has not come so far."""
    return [Row(**row) for row in json.loads(path.read_text())] if path.exists() else []
