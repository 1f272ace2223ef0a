"""One result type for `run --seeds`, `sweep`, `study` and `compare`, and its JSON file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from rewriter_agent.evaluate.seed_mean import SeedMean
from rewriter_agent.evaluate.statistics import Estimate
from rewriter_agent.io.files import write_json


@dataclass(frozen=True)
class Measurement:
    """One arm of an experiment with one seed: a fine-tuned model, or a rewriting of the training problems."""

    arm: str
    """Arm of the run, sweep or study; for a rewriting, its strategy or its source in the study."""
    seed: int
    metrics: dict[str, float]
    """Shares (`task`, `gain`, `retention`, `forgetting`, `rewritten`, ...), nats per token, counts and seconds."""
    learning_rate: float | None = None
    """None if nothing was fine-tuned."""
    weight: str | None = None
    """Rule of the loss's weights, if the experiment compares several for one arm."""
    over_items: dict[str, Estimate] = field(default_factory=dict)
    """Metrics with their intervals over items; empty if the experiment reports intervals over seeds."""
    curves: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    """Logged quantities over the steps of the training."""


def means_over_seeds(measurements: Sequence[Measurement]) -> dict[str, SeedMean]:
    """Average every metric over the measurements, which differ in their seeds alone."""
    by_seed: Mapping[int, dict[str, float]] = {m.seed: m.metrics for m in measurements}
    names = dict.fromkeys(name for metrics in by_seed.values() for name in metrics)
    return {
        name: SeedMean.of({seed: metrics[name] for seed, metrics in by_seed.items() if name in metrics})
        for name in names
    }


def write_measurements(path: Path, measurements: Sequence[Measurement]) -> None:
    """Write `sweep.json` or `strategies.json`."""
    write_json(path, [asdict(measurement) for measurement in measurements])


def read_measurements(path: Path) -> list[Measurement]:
    """Read what `write_measurements` wrote.

    Raises:
        ValueError: an earlier version wrote the file.
    """
    try:
        return TypeAdapter(list[Measurement]).validate_json(path.read_bytes())
    except ValidationError as error:
        raise ValueError(
            f"{path} has the format of an earlier version. Delete {path.parent / 'manifest.json'} and run the same "
            "command again: it measures nothing twice and writes the file in today's format."
        ) from error
