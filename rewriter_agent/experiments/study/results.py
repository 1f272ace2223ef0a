"""Results of a study, and their JSON file."""

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from rewriter_agent.evaluate.seed_mean import SeedMean
from rewriter_agent.experiments.results import Measurement

from .arms import ARMS


@dataclass(frozen=True)
class Point:
    """An arm at one learning rate."""

    learning_rate: float
    metrics: dict[str, SeedMean]
    against: dict[str, dict[str, SeedMean]] = field(default_factory=dict)
    """Differences in task and forgetting at this rate, by reference arm."""


@dataclass(frozen=True)
class ArmResult:
    """An arm over all seeds that are done."""

    arm: str
    text: str
    points: list[Point]
    best: float
    """Learning rate of the highest task score."""
    matched: float | None
    """Learning rate of least forgetting, among the rates whose task score is at most a point below SFT's best; None if
    there is no such rate."""
    source: dict[str, SeedMean]
    against: dict[str, dict[str, SeedMean]]
    """Differences in task and forgetting by reference arm, each arm at its `matched` rate (else its best)."""

    @property
    def source_name(self) -> str:
        """Name of the source of its targets."""
        return ARMS[self.arm].source

    @property
    def chosen(self) -> Point:
        """Point at which the arm is compared with others."""
        return self.at(self.matched if self.matched is not None else self.best)

    def at(self, rate: float) -> Point:
        """The point of a learning rate."""
        return next(point for point in self.points if point.learning_rate == rate)


@dataclass(frozen=True)
class StudyResult:
    """Everything that a study has measured."""

    name: str
    config: str
    seeds: list[int]
    """Completed seeds."""
    base: dict[str, float]
    arms: list[ArmResult]
    cells: list[Measurement]
    """One fine-tuning for each arm, learning rate and seed."""
    sources: list[Measurement]
    """One rewriting of the training problems for each source and seed; its `arm` is the source. Its costs include the
    rewriter's training even if other sources use the same rewriter."""
    seconds: dict[str, float]
    """Wall-clock seconds by phase."""


def read_study(path: Path) -> StudyResult:
    """Read a `study.json`."""
    return TypeAdapter(StudyResult).validate_json(path.read_bytes())
