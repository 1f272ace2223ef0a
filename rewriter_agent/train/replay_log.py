"""Logs a killed learner's last steps to W&B again, which may not have been flushed."""

from pathlib import Path

from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.tracking.tables import log_completions
from sft.runtime.metrics import ReplayLog


class ReplayCompletions(ReplayLog):
    """ReplayLog with the table of the step's completions."""

    def __init__(self, folder: Path, table_rows: int) -> None:
        """`folder` is the learner's."""
        super().__init__(StageFolder(folder).metrics)
        self.folder = folder
        self.table_rows = table_rows

    def replay(self, line: dict[str, float]) -> None:
        """Log a step of the learner's metrics, and its table."""
        super().replay(line)
        if self.table_rows:
            log_completions(self.folder, int(line["step"]), self.table_rows)
