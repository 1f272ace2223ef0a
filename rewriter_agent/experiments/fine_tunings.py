"""Many fine-tunings of one experiment, trained side by side and measured on one fleet.

`sweep` and `study` differ in what they fine-tune and report; both resume by the files that these functions leave.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from rewriter_agent.evaluate.result import ModelResult
from rewriter_agent.evaluate.stage import evaluate_checkpoint
from rewriter_agent.finetune.parallel import run_jobs
from rewriter_agent.finetune.stage import sft_gb
from rewriter_agent.io.progress import Progress
from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.runtime.session import Session
from rewriter_agent.runtime.stage import require_space
from sft.job import SFTJob

from .measurements import EVALUATION, is_measured, measured


def train_missing(
    session: Session, jobs: Sequence[SFTJob], at_a_time: int, folder: Path, progress: Progress
) -> dict[str, str]:
    """Train the jobs that have no model yet, as Ray tasks, which reserve nothing themselves: their workers do.

    A job that was interrupted resumes from its newest checkpoint; one that fails leaves the others alone.
    Returns the errors by output folder. `folder` is on the disk that the models are written to.
    """
    todo = [job for job in jobs if not job.model_dir.exists()]
    if not todo:
        return {}
    session.release_engines()
    session.wait_for_capacity("sft")
    needed_gb = at_a_time * sft_gb(session.weights_gb) + len(todo) * session.weights_gb
    require_space(folder, needed_gb, progress.stage)
    progress(f"{len(todo)} fine-tunings, {at_a_time} at a time")
    return run_jobs(todo, at_a_time, progress)


def measure(
    session: Session,
    folder: Path,
    model: Path,
    progress: Progress,
    base: StageFolder | None = None,
    *,
    keep_model: bool = False,
) -> ModelResult:
    """Evaluate the model into `folder` unless its result is there, and delete the model.

    Args:
        session: The run whose engines serve the model.
        folder: Folder of the fine-tuning.
        model: A Hugging Face folder.
        progress: Called with each message.
        base: Folder of the backbone's evaluation; None for the one of the run.
        keep_model: Do not delete the model, which belongs to another stage.
    """
    if not is_measured(folder):
        evaluate_checkpoint(session, model, folder / EVALUATION, progress, base)
    if not keep_model:
        shutil.rmtree(model, ignore_errors=True)
    return measured(folder)
