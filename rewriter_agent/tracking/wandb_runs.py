"""W&B through its own library: one run a stage, online where the user is logged in, offline files otherwise."""

import os
import uuid
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from rewriter_agent.config import RunConfig

from .axis import Axis

if TYPE_CHECKING:
    import wandb

Mode = Literal["online", "offline", "disabled", "shared"]


def wandb_mode() -> Mode:
    """The user's `WANDB_MODE`; else `online` where a key is known, `offline` where none is."""
    if "WANDB_MODE" in os.environ:
        return cast(Mode, os.environ["WANDB_MODE"])
    import wandb

    return "online" if wandb.login(prompt=False) else "offline"


def run_group(config: RunConfig) -> str:
    """What all stages' runs have in common, those of a run's other seeds included."""
    return config.tracking.group or config.name


def run_id(folder: Path) -> str:
    """Of the stage in `folder`; kept with its results, so that other results have another run."""
    path = folder / "wandb_id"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(uuid.uuid4().hex[:16])
    return path.read_text()


@contextmanager
def wandb_run(config: RunConfig, folder: Path) -> Generator["wandb.Run"]:
    """The run of the stage in `folder`, gone on with where it has begun."""
    import wandb

    with wandb.init(
        project=config.tracking.project,
        group=run_group(config),
        job_type=folder.name,
        name=f"{config.name}-{folder.name}",
        config=config.model_dump(mode="json"),
        dir=folder.absolute(),
        id=run_id(folder),
        resume="allow",
        mode=wandb_mode(),
        settings=wandb.Settings(silent=True, console="off"),
    ) as run:
        yield run


class WandbLog:
    """Metrics and tables of a stage."""

    def __init__(self, run: "wandb.Run") -> None:
        self.run = run
        self._defined: set[Axis] = set()

    def metrics(self, axis: Axis, step: float, values: Mapping[str, float]) -> None:
        """Log the numbers at a place on the axis."""
        self._define(axis)
        # The place is a metric: given as W&B's own `step`, a row behind its counter would be dropped.
        self.run.log({axis.step: step, **{axis.name(name): value for name, value in values.items()}})

    def table(self, axis: Axis, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Log rows that have the same columns, at the place that was logged last."""
        self._define(axis)
        self.run.log({axis.name(name): wandb_table(rows)})

    def _define(self, axis: Axis) -> None:
        if axis not in self._defined:
            self.run.define_metric(axis.step)
            self.run.define_metric(axis.name("*"), step_metric=axis.step)
            self._defined.add(axis)


def wandb_table(rows: Sequence[Mapping[str, Any]]) -> "wandb.Table":
    """At least one row, all with the same columns."""
    import wandb

    return wandb.Table(columns=list(rows[0]), data=[list(row.values()) for row in rows])
