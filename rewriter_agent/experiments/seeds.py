"""The same run with several seeds, and one report over all of them."""

from collections.abc import Sequence
from pathlib import Path

from rewriter_agent.config import RunConfig
from rewriter_agent.io.console import console
from rewriter_agent.pipeline import STAGES, print_summary, run_stages
from rewriter_agent.report.build import build_over_seeds
from rewriter_agent.report.collect import collect
from rewriter_agent.report.over_seeds import over_seeds
from rewriter_agent.runtime.first_start import first_start
from rewriter_agent.runtime.run_folder import RunFolder

from .measurements import run_measurements


def run_seeds(config: RunConfig, seeds: Sequence[int]) -> Path:
    """Run every stage with every seed, in `seed-N` under the run folder; return the report over all seeds.

    Raises:
        ValueError: fewer than two different seeds.
    """
    if len(set(seeds)) < 2 or len(set(seeds)) < len(seeds):
        given = " ".join(map(str, seeds))
        raise ValueError(f"--seeds {given}: give two or more different ones, or one as --set seed=N")
    configs = {seed: with_seed(config, seed) for seed in seeds}
    first_start(config.folder)  # One date for all runs.
    for seed, seeded in configs.items():
        console.say(f"seed {seed} of {', '.join(map(str, seeds))}")
        run_stages(seeded, STAGES)
        print_summary(seeded)
    # A run of the same name without --seeds has its stage `report` here, so use another folder.
    report = RunFolder(config.folder).stage("over-seeds").page
    report.parent.mkdir(exist_ok=True)
    measurements = [
        measurement
        for seeded in configs.values()
        for measurement in run_measurements(RunFolder(seeded.folder), seeded)
    ]
    collected = {seed: collect(seeded.folder) for seed, seeded in configs.items()}
    build_over_seeds(over_seeds(config.name, collected, measurements), report)
    return report


def with_seed(config: RunConfig, seed: int) -> RunConfig:
    """Derive the config of one seed's run; the seeds of data and evaluation stay as they are."""
    tracking = config.tracking.model_copy(update={"group": config.tracking.group or config.name})
    return config.model_copy(
        update={"seed": seed, "name": f"seed-{seed}", "output_dir": config.folder, "tracking": tracking}
    )
