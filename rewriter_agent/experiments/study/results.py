"""Results of a study, and their JSON file."""

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from rewriter_agent.evaluate.seed_mean import SeedMean

from .arms import ARMS

TERMS = ("gate", "alignment", "diversity", "total")
"""Terms of the reward whose curves are kept."""


@dataclass(frozen=True)
class CellResult:
    """One fine-tuning, measured."""

    arm: str
    learning_rate: float
    seed: int
    metrics: dict[str, float]
    """`task`, `retention`, `gain`, `forgetting` and so on as shares; `kl` and `nll` in nats a token; `seconds`."""


@dataclass(frozen=True)
class SourceResult:
    """One rewriting of the training problems, and its cost."""

    source: str
    seed: int
    metrics: dict[str, float]
    """`rewritten` and `accepted` as shares; log-prob in nats a token; diversity of the targets; rollouts, tokens and
    seconds, including the rewriter's training even if other sources use the same rewriter."""
    curves: dict[str, list[tuple[int, float]]]
    """Terms of the reward over the steps of the rewriter's training."""


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
    cells: list[CellResult]
    sources: list[SourceResult]
    seconds: dict[str, float]
    """Wall-clock seconds by phase."""


def read_study(path: Path) -> StudyResult:
    """Read a `study.json`."""
    return TypeAdapter(StudyResult).validate_json(path.read_bytes())
