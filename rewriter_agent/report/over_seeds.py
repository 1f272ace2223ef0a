"""Runs of one config that differ in their seed, as one result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rewriter_agent.config.method import Method
from rewriter_agent.evaluate.seed_mean import SeedMean
from rewriter_agent.experiments.results import Measurement, means_over_seeds

from .data import LabWorld, ReportData
from .titles import subject
from .verdict import elsewhere, on_the_task


@dataclass(frozen=True)
class ArmOverSeeds:
    """One arm of every run."""

    arm: str
    metrics: dict[str, SeedMean]
    """Means of the metrics of `Measurement`: `task`, `gain`, `retention`, `forgetting` and so on."""


@dataclass(frozen=True)
class OverSeeds:
    """Result over the runs of all seeds."""

    name: str
    lab_world: LabWorld | None
    seeds: list[int]
    arms: list[ArmOverSeeds]
    gain: SeedMean
    """Task accuracy of the rewritten arm minus that of the expert arm, seed by seed."""
    forgetting: SeedMean
    """Forgetting of the rewritten arm minus that of the expert arm, seed by seed: negative is better."""
    measurements: list[Measurement]
    wall_seconds: float
    versions: dict[str, str]
    config: str
    """Config of the first seed's run, YAML."""
    method: Method = "rewrite"


def over_seeds(name: str, runs: Mapping[int, ReportData], measurements: Sequence[Measurement]) -> OverSeeds:
    """Compute means over two or more runs, given by seed, from the measurements of all their arms."""
    first = next(iter(runs.values()))
    found = {
        arm: means_over_seeds([m for m in measurements if m.arm == arm])
        for arm in dict.fromkeys(m.arm for m in measurements)
    }
    expert, rewritten = found["expert"], found["rewritten"]
    return OverSeeds(
        name=name,
        lab_world=first.lab_world,
        seeds=list(runs),
        arms=[ArmOverSeeds(arm, metrics) for arm, metrics in found.items()],
        gain=rewritten["task"].minus(expert["task"]),
        forgetting=rewritten["forgetting"].minus(expert["forgetting"]),
        measurements=list(measurements),
        wall_seconds=sum(stage.wall_seconds for run in runs.values() for stage in run.stages),
        versions=first.versions,
        config=first.config,
        method=first.method,
    )


def over_seeds_verdict(data: OverSeeds) -> str:
    """Say what rewriting changed, and whether that is beyond the spread between seeds."""
    against = f"Over {len(data.seeds)} seeds, against SFT on the expert data, {subject(data.method)}"
    return f"{against} {on_the_task(data.gain)}, and {elsewhere(data.forgetting)}."
