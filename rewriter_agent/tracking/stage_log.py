"""Logger of a stage in the driver: W&B, TensorBoard or none."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from rewriter_agent.config import RunConfig

from .axis import Axis
from .tensorboard import TensorBoardLog, event_folder
from .wandb_runs import WandbLog, wandb_run


class StageLog(Protocol):
    """Logger of a stage's numbers and samples."""

    def metrics(self, axis: Axis, step: float, values: Mapping[str, float]) -> None:
        """Log the numbers at a point on the axis."""

    def table(self, axis: Axis, name: str, rows: list[dict[str, Any]]) -> None:
        """Log rows that have the same columns, at the point logged last."""


class NoLog:
    """Logger for `tracking.report_to: none`."""

    def metrics(self, axis: Axis, step: float, values: Mapping[str, float]) -> None:
        """Nothing."""

    def table(self, axis: Axis, name: str, rows: list[dict[str, Any]]) -> None:
        """Nothing."""


@contextmanager
def stage_log(config: RunConfig, folder: Path) -> Generator[StageLog]:
    """Create the logger of the stage in `folder`; a resumed stage appends to the same run."""
    if config.tracking.report_to == "wandb":
        with wandb_run(config, folder) as run:
            yield WandbLog(run)
    elif config.tracking.report_to == "tensorboard":
        from torch.utils.tensorboard import SummaryWriter

        with SummaryWriter(str(event_folder(folder))) as writer:
            yield TensorBoardLog(writer)
    else:
        yield NoLog()
