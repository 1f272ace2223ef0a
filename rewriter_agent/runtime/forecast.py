"""Standing of a run: the number of the stage, and the time left in all if it can be told."""

from collections.abc import Sequence

from rewriter_agent.config import RunConfig
from rewriter_agent.io.clock import clock
from rewriter_agent.io.files import read_json

from .run_folder import RunFolder
from .stage import Stage

ALIKE = {
    "sft-rewritten": "sft-expert",
    "evaluate-expert": "evaluate-base",
    "evaluate-rewritten": "evaluate-base",
}
"""Stages that take about as long as another one, which runs before."""
QUICK = ("dataset", "report")
"""Stages of a few seconds."""


def standing(stage: Stage, stages: Sequence[Stage], config: RunConfig) -> str:
    """Say which of the wanted stages begins, and the time that it and the later ones take if that is known."""
    wanted = [one for one in stages if one.wanted(config)]
    number = wanted.index(stage)
    left = [_seconds(one, config) for one in wanted[number:] if not one.complete(config)]
    known = [seconds for seconds in left if seconds is not None]
    told = f", about {clock(sum(known))} left in all" if len(known) == len(left) and sum(known) else ""
    return f"stage {number + 1} of {len(wanted)}{told}"


def _seconds(stage: Stage, config: RunConfig) -> float | None:
    """Time that a stage took with other inputs, or that one like it took."""
    folder = RunFolder(config.folder)
    for name in (stage.name, ALIKE.get(stage.name, stage.name)):
        if folder.stage(name).manifest.exists():
            return read_json(folder.stage(name).manifest)["wall_seconds"]
    return 0.0 if stage.name in QUICK else None
