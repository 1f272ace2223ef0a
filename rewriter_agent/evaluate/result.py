"""What an evaluation leaves behind, and its JSON files."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from ..files import write_json


@dataclass(frozen=True)
class PartResult:
    """One model on one set of items: the test problems, or one retention task."""

    name: str
    metric: str
    """The metric that `correct` is per item, for example `acc`."""
    metrics: dict[str, float]
    """Aggregates; a retention task has lm-eval's keys (`acc,none`, `acc_stderr,none`)."""
    correct: dict[str, bool]
    """Item id to outcome, so that two models can be compared item by item."""
    samples: list[dict[str, Any]]
    """What the model answered, per item."""


@dataclass(frozen=True)
class ModelResult:
    """One model on the task and on every retention task."""

    task: PartResult
    retention: list[PartResult]


def write_part(path: Path, part: PartResult) -> None:
    """Write one part atomically."""
    write_json(path, asdict(part))


def read_part(path: Path) -> PartResult:
    """Read what `write_part` wrote."""
    return TypeAdapter(PartResult).validate_json(path.read_bytes())


def read_result(path: Path) -> ModelResult:
    """Read a `result.json`."""
    return TypeAdapter(ModelResult).validate_json(path.read_bytes())
