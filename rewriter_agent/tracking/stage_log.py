"""Where a stage of the driver logs: W&B, TensorBoard or nowhere."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from rewriter_agent.config import RunConfig

from .axis import Axis
from .tensorboard import TensorBoardLog, event_folder
from .wandb_runs import WandbLog, wandb_run


class StageLog(Protocol):
    """Takes a stage's numbers and samples."""

    def metrics(self, axis: Axis, step: float, values: Mapping[str, float]) -> None:
        """Log the numbers at a place on the axis."""

    def table(self, axis: Axis, name: str, rows: list[dict[str, Any]]) -> None:
        """Log rows that have the same columns, at the place that was logged last."""


class NoLog:
    """`tracking.report_to: none`."""

    def metrics(self, axis: Axis, step: float, values: Mapping[str, float]) -> None:
        """Nothing."""

    def table(self, axis: Axis, name: str, rows: list[dict[str, Any]]) -> None:
        """Nothing."""


@contextmanager
def stage_log(config: RunConfig, folder: Path) -> Generator[StageLog]:
    """The log that the config names, of the stage in `folder`; a stage that goes on goes on with it, too."""
    if config.tracking.report_to == "wandb":
        with wandb_run(config, folder) as run:
            yield WandbLog(run)
    elif config.tracking.report_to == "tensorboard":
        from torch.utils.tensorboard import SummaryWriter

        with SummaryWriter(str(event_folder(folder))) as writer:
            yield TensorBoardLog(writer)
    else:
        yield NoLog()
