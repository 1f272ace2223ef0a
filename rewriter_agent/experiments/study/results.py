"""Results of a study, and their JSON file."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from rewriter_agent.config import RunConfig
from rewriter_agent.config.arms import ARMS
from rewriter_agent.config.data import LabData
from rewriter_agent.config.safe_yaml import parse_yaml
from rewriter_agent.evaluate.seed_mean import SeedMean
from rewriter_agent.experiments.results import Measurement

Rule = Literal["matched", "best"]
"""Learning rate at which an arm is compared: the `matched` one, else its best; or its best in any case."""
LESSONS = "lessons"


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
    """Learning rate of the highest task score; of equal scores the one that forgets less."""
    matched: float | None
    """Learning rate of least forgetting, among the rates whose task score is at most a point below SFT's best; None if
    there is no such rate."""
    source: dict[str, SeedMean]
    against: dict[str, dict[str, SeedMean]]
    """Differences in task and forgetting by reference arm, each arm at its chosen rate."""
    rule: Rule = "matched"

    @property
    def source_name(self) -> str:
        """Name of the source of its targets."""
        return ARMS[self.arm].source

    @property
    def chosen(self) -> Point:
        """Point at which the arm is compared with others."""
        return self.at(self.matched if self.rule == "matched" and self.matched is not None else self.best)

    @property
    def best_is_an_end(self) -> bool:
        """Whether the best of several rates is the lowest or the highest, so that a better one may lie beyond."""
        rates = [point.learning_rate for point in self.points]
        return len(rates) > 1 and self.best in (min(rates), max(rates))

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

    @property
    def teaches_lessons(self) -> bool:
        """Whether the task is the laboratory's lessons."""
        return parse_yaml(self.config, "config").get("data", {}).get("task") == LESSONS


def rule_of(config: RunConfig) -> Rule:
    """Find the rule that picks each arm's rate: lessons can be learned, and each arm shows the most that it learns."""
    return "best" if isinstance(config.data, LabData) and config.data.task == LESSONS else "matched"


def read_study(path: Path) -> StudyResult:
    """Read a `study.json`."""
    return TypeAdapter(StudyResult).validate_json(path.read_bytes())
