"""Changes per benchmark: the arms' summaries transposed."""

from collections.abc import Sequence
from dataclasses import dataclass

from rewriter_agent.evaluate.statistics import Change, Estimate
from rewriter_agent.evaluate.summary import ModelSummary, PartSummary

TASK, BENCHMARKS, RETENTION = "the task", "benchmarks", "elsewhere (retention)"


@dataclass(frozen=True)
class PartChange:
    """One set of items in every arm."""

    name: str
    scores: dict[str, PartSummary]
    """Scores by arm, `base` first."""
    changes: dict[str, Change]
    """Against base, by arm."""
    compared: dict[str, Estimate]
    """Scores that `changes` compares, by arm: for a retention task the lenient one if there is one, since lost form is
    not lost knowledge; otherwise the strict one."""

    @property
    def about(self) -> PartSummary:
        """Summary of the first arm, for the facts that all arms share: metric, source, chance, number of items."""
        return next(iter(self.scores.values()))


def part_changes(arms: Sequence[ModelSummary]) -> dict[str, list[PartChange]]:
    """The parts by kind, in the order of the evaluation; kinds without parts are left out."""
    first = arms[0].against_base
    names = {TASK: ["task"], BENCHMARKS: list(first.benchmarks), RETENTION: list(first.retention)}
    return {kind: [_part(name, kind, arms) for name in found] for kind, found in names.items() if found}


def _part(name: str, kind: str, arms: Sequence[ModelSummary]) -> PartChange:
    scores = {arm.arm: arm.parts[name] for arm in arms}
    return PartChange(
        name,
        scores,
        changes={arm.arm: _change(name, kind, arm) for arm in arms if arm.arm != "base"},
        compared={
            arm: part.lenient or part.strict if kind == RETENTION else part.strict
            for arm, part in scores.items()
        },
    )


def _change(name: str, kind: str, arm: ModelSummary) -> Change:
    against = arm.against_base
    if kind == TASK:
        return against.gain
    return (against.benchmarks if kind == BENCHMARKS else against.retention)[name]
