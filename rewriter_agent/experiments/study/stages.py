"""Fine-tuning and measuring of a cell, as a stage of its source's run."""

from pathlib import Path
from typing import Any

from cluster.planning.plan import Plan, concurrent_jobs
from rewriter_agent.config import RunConfig
from rewriter_agent.config.arms import EXPERT
from rewriter_agent.config.method import trains_student
from rewriter_agent.evaluate.summary import counts
from rewriter_agent.experiments.fine_tunings import measure
from rewriter_agent.finetune.refresh import train_refreshed
from rewriter_agent.finetune.stage import SHOWN, make_job, replayed, sft_gb, write_inputs, write_probe
from rewriter_agent.io.progress import Progress
from rewriter_agent.pipeline import PREPARE, REPLAY, REWRITE, STUDENT, TRAIN
from rewriter_agent.runtime.fingerprints import evaluation_hashes
from rewriter_agent.runtime.run_folder import RunFolder
from rewriter_agent.runtime.session import Session
from rewriter_agent.runtime.stage import Stage
from sft.job import SFTJob

from .plan import Cell

BASE = "base"
"""Folder of the seedless run that measures the backbone."""
SOURCE_STAGES = (PREPARE, TRAIN, REWRITE, STUDENT)
"""Stages of a source's run, as far as its config wants them."""


def cell_stage(cell: Cell) -> Stage:
    """Build the stage that measures a cell; it trains only the cells that are refreshed on the way."""

    def work(session: Session, folder: Path, progress: Progress) -> dict[str, Any]:
        base = RunFolder(session.config.output_dir.parent / BASE).evaluation("base")
        if cell.is_student:
            model = session.folder.student.model
            return counts(measure(session, folder, model, progress, base, keep_model=True))
        job = cell_job(session, cell, 1)
        if cell.config.sft.refresh:
            train_refreshed(session, job, folder, progress, SHOWN)
        # Other cells were trained side by side before.
        assert job.model_dir.exists()
        found = counts(measure(session, folder, job.model_dir, progress, base))
        return found | (replayed(job) if cell.config.sft.replay else {})

    return Stage(
        cell.stage,
        ("evaluate",) if cell.is_student else ("sft", "sft.replay", "method", "evaluate"),
        _stages_before(cell),
        work,
        sft_gb,
        roles=lambda config: ("sft", "policy"),
        reads=evaluation_hashes,
    )


def cell_job(session: Session, cell: Cell, threads: int) -> SFTJob:
    """Build the cell's fine-tuning job; rows are written once for all cells of a source."""
    if cell.config.sft.refresh:
        # Refreshed cells make their rows on the way.
        inputs = cell.folder
        write_probe(session, inputs)
    else:
        kept = "accepted-rows" if cell.config.method == "accepted_only" else "rows"
        made_from = [stage.fingerprint(cell.config) for stage in _stages_before(cell)]
        rows = session.folder.stage("-".join([kept, *made_from]))
        inputs = rows.path
        if not rows.probe.exists():
            data = "expert" if cell.spec.source == EXPERT else "rewritten"
            write_inputs(session, data, inputs, cell.config.sft.replay)
    many = cell.config.sft.refresh is None
    return make_job(session, cell.config.sft, inputs, cell.folder, cell.seed, threads, reuse_process=many)


def fine_tunings_at_a_time(plan: Plan) -> tuple[int, int]:
    """Count the fine-tunings that fit, and a worker's threads.

    The threads do not depend on the number of cells: a single cell gives the same numbers as in the whole study.
    """
    return concurrent_jobs(plan, "sft", plan.cpus)


def source_stage(config: RunConfig, source: str) -> Stage:
    """Find the last stage of a source's run, whose result its cells take."""
    if trains_student(config.method):
        return STUDENT
    return PREPARE if source == EXPERT else REWRITE


def _stages_before(cell: Cell) -> tuple[Stage, ...]:
    """Stages whose results are the cell's rows, or its student."""
    source = source_stage(cell.config, cell.spec.source)
    return (source, REPLAY) if cell.config.sft.replay else (source,)
