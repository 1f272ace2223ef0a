"""Runs of one config that differ in their seed, as one result."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rewriter_agent.evaluate.seed_mean import SeedMean
from rewriter_agent.evaluate.summary import ModelSummary

from .data import LabWorld, ReportData
from .format import oriented


@dataclass(frozen=True)
class ArmOverSeeds:
    """One arm of every run."""

    arm: str
    task: SeedMean
    gain: SeedMean
    """Task accuracy minus base."""
    retention_mean: SeedMean
    forgetting: SeedMean
    """Base retention minus retention: positive is worse."""
    retention: dict[str, SeedMean]


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
    wall_seconds: float
    versions: dict[str, str]
    config: str
    """Config of the first seed's run, YAML."""


def over_seeds(name: str, runs: Mapping[int, ReportData]) -> OverSeeds:
    """Compute means over two or more runs, given by seed."""
    first = next(iter(runs.values()))
    found = [_arm({seed: run.arms[place] for seed, run in runs.items()}) for place in range(len(first.arms))]
    by_name = {arm.arm: arm for arm in found}
    expert, rewritten = by_name["expert"], by_name["rewritten"]
    return OverSeeds(
        name=name,
        lab_world=first.lab_world,
        seeds=list(runs),
        arms=found,
        gain=rewritten.task.minus(expert.task),
        forgetting=rewritten.forgetting.minus(expert.forgetting),
        wall_seconds=sum(stage.wall_seconds for run in runs.values() for stage in run.stages),
        versions=first.versions,
        config=first.config,
    )


def over_seeds_verdict(data: OverSeeds) -> str:
    """Say what rewriting changed, and whether that is beyond the spread between seeds."""
    task = _clause(data.gain, "scores", ("higher", "lower"), "on the task")
    kept = _clause(data.forgetting, "forgets", ("more", "less"), "elsewhere")
    against = f"Over {len(data.seeds)} seeds, against SFT on the expert data, SFT on the rewritten data"
    return f"{against} {task}, and {kept}."


def _arm(summaries: Mapping[int, ModelSummary]) -> ArmOverSeeds:
    def mean(value: Callable[[ModelSummary], float]) -> SeedMean:
        return SeedMean.of({seed: value(summary) for seed, summary in summaries.items()})

    first = next(iter(summaries.values()))
    return ArmOverSeeds(
        arm=first.arm,
        task=mean(lambda s: s.task.value),
        gain=mean(lambda s: s.against_base.gain.value),
        retention_mean=mean(lambda s: s.retention_mean.value),
        forgetting=mean(lambda s: s.against_base.forgetting.value),
        retention={name: mean(lambda s, name=name: s.retention[name].value) for name in first.retention},
    )


def _clause(mean: SeedMean, verb: str, words: tuple[str, str], where: str) -> str:
    size, interval = oriented(mean)
    direction = words[0] if mean.value > 0 else words[1]
    beyond = "" if mean.beyond_chance else ", which may be chance"
    return f"{verb} {size} {direction} {where}{beyond} ({interval})"
