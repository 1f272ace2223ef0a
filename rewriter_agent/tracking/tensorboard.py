"""Metrics of a stage as TensorBoard event files."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .axis import Axis

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


def event_folder(folder: Path) -> Path:
    """Folder of a stage's event files."""
    return folder / "tensorboard"


class TensorBoardLog:
    """Logger of scalars under the same names as in W&B; tables are in the Parquet files."""

    def __init__(self, writer: "SummaryWriter") -> None:
        self.writer = writer

    def metrics(self, axis: Axis, step: float, values: Mapping[str, float]) -> None:
        """Log the numbers at a point on the axis."""
        for name, value in values.items():
            self.writer.add_scalar(axis.name(name), value, round(step))

    def table(self, axis: Axis, name: str, rows: list[dict[str, Any]]) -> None:
        """Do nothing: TensorBoard has no tables."""
