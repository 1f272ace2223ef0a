"""Results of an experiment's fine-tunings, as they lie in the run folder."""

from pathlib import Path

from rewriter_agent.evaluate.result import ModelResult, read_result
from rewriter_agent.runtime.run_folder import StageFolder

EVALUATION = "evaluation"


def is_measured(folder: Path) -> bool:
    """Whether the fine-tuning in `folder` has been evaluated."""
    return StageFolder(folder / EVALUATION).result.exists()


def measured(folder: Path) -> ModelResult:
    """Read the evaluation of the fine-tuning in `folder`."""
    return read_result(StageFolder(folder / EVALUATION).result)
