"""W&B runs, one per stage: online if you are logged in, otherwise offline files."""

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
    """Return your `WANDB_MODE`; if unset, `online` if an API key is known, else `offline`."""
    if "WANDB_MODE" in os.environ:
        return cast(Mode, os.environ["WANDB_MODE"])
    import wandb

    return "online" if wandb.login(prompt=False) else "offline"


def run_group(config: RunConfig) -> str:
    """Group of the runs of all stages, including a run's other seeds."""
    return config.tracking.group or config.name


def run_id(folder: Path) -> str:
    """Run id of the stage in `folder`; stored with the results, so moved-aside results keep their run."""
    path = folder / "wandb_id"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(uuid.uuid4().hex[:16])
    return path.read_text()


@contextmanager
def wandb_run(config: RunConfig, folder: Path) -> Generator["wandb.Run"]:
    """Start the run of the stage in `folder`, or resume it."""
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
    """Logger of a stage's metrics and tables."""

    def __init__(self, run: "wandb.Run") -> None:
        self.run = run
        self._defined: set[Axis] = set()

    def metrics(self, axis: Axis, step: float, values: Mapping[str, float]) -> None:
        """Log the numbers at a point on the axis."""
        self._define(axis)
        # The point is logged as a metric: W&B drops rows whose own `step` lies behind its counter.
        self.run.log({axis.step: step, **{axis.name(name): value for name, value in values.items()}})

    def table(self, axis: Axis, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Log rows that have the same columns, at the point logged last."""
        self._define(axis)
        self.run.log({axis.name(name): wandb_table(rows)})

    def _define(self, axis: Axis) -> None:
        if axis not in self._defined:
            self.run.define_metric(axis.step)
            self.run.define_metric(axis.name("*"), step_metric=axis.step)
            self._defined.add(axis)


def wandb_table(rows: Sequence[Mapping[str, Any]]) -> "wandb.Table":
    """Build a table from at least one row, all with the same columns."""
    import wandb

    return wandb.Table(columns=list(rows[0]), data=[list(row.values()) for row in rows])
