"""`rewriter-agent study`: every arm at every learning rate with every seed, on shared work, in one table."""

from collections.abc import Sequence

from cluster.session import connect
from rewriter_agent.config import RunConfig
from rewriter_agent.config.arms import EXPERT
from rewriter_agent.evaluate.evaluator import check_evaluation
from rewriter_agent.experiments.fine_tunings import train_missing
from rewriter_agent.io.console import console
from rewriter_agent.io.files import exclusive
from rewriter_agent.io.progress import Progress
from rewriter_agent.pipeline import EVALUATE_BASE, PREPARE, REPLAY
from rewriter_agent.runtime.first_start import first_start
from rewriter_agent.runtime.hints import hints
from rewriter_agent.runtime.run_folder import RunFolder
from rewriter_agent.runtime.runner import run_stage
from rewriter_agent.runtime.session import Session
from rewriter_agent.runtime.stage import Stage, roles_of

from .collect import collect_study
from .files import write_files
from .plan import Cell, StudyPlan
from .results import StudyResult
from .stages import BASE, SOURCE_STAGES, cell_job, cell_stage, fine_tunings_at_a_time
from .table import study_table
from .timing import Clock


def run_study(config: RunConfig) -> str:
    """Run the missing parts, and write `study.json`, `study.md` and `study.html` after each seed; returns the table.

    Raises:
        ValueError: the study cannot be planned, or some of its fine-tunings failed; the others are in the table, and
            the failed ones are retried next time.
    """
    plan = StudyPlan.of(config)
    check_evaluation(config.evaluate, config.model.max_model_len)
    for hint in hints(config):
        console.say(f"hint: {hint}")
    progress = Progress("study")
    study = plan.study
    sizes = f"{len(study.arms)} arms x {len(study.learning_rates)} learning rates x {len(study.seeds)} seeds"
    progress(f"{sizes}, {plan.steps} steps each")
    failed: dict[str, str] = {}
    with connect(config.cluster, config.output_dir, console.has_log) as machines, exclusive(config.folder):
        first_start(config.folder)  # One date for all runs of the study.
        session = Session(base_config(plan), machines, _roles(plan))
        clock = Clock(RunFolder(config.folder).phase_seconds)
        try:
            with clock("base"):
                _stages(session, base_config(plan), (PREPARE, EVALUATE_BASE))
            for seed in plan.study.seeds:
                todo = [cell for cell in plan.cells(seed) if not cell_stage(cell).complete(cell.config)]
                if not todo:
                    progress(f"seed {seed}: complete, skipped")
                    continue
                failed |= _seed(session, plan, seed, todo, clock, progress)
                _write(plan, clock)
        finally:
            session.close()
    if failed:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        raise ValueError(f"{len(failed)} fine-tunings failed. {reasons}")
    return study_table(_write(plan, clock))


def base_config(plan: StudyPlan) -> RunConfig:
    """Config of the run that measures the backbone."""
    source = plan.source_config(EXPERT, plan.config.seed)
    return source.model_copy(update={"name": BASE, "output_dir": plan.config.folder})


def _write(plan: StudyPlan, clock: Clock) -> StudyResult:
    result = collect_study(plan, clock.seconds)
    write_files(plan.config.folder, result)
    return result


def _roles(plan: StudyPlan) -> set[str]:
    seed = plan.study.seeds[0]
    configs = [plan.source_config(source, seed) for source in plan.sources]
    rewriting = [roles_of(SOURCE_STAGES, config) for config in configs]
    return set[str]().union(*rewriting) | {"backbone", "policy", "sft"}


def _seed(
    session: Session, plan: StudyPlan, seed: int, todo: Sequence[Cell], clock: Clock, progress: Progress
) -> dict[str, str]:
    """Run the missing parts of one seed; returns the errors of the failed fine-tunings by folder."""
    with clock(f"seed {seed}, rewriting"):
        for source in plan.sources:
            progress(f"seed {seed}: targets of {source}")
            stages = (PREPARE,) if source == EXPERT else SOURCE_STAGES
            _stages(session, plan.source_config(source, seed), stages)
        _replay(session, todo)
    with clock(f"seed {seed}, fine-tuning"):
        failed = _finetune(session, todo, progress)
    with clock(f"seed {seed}, evaluation"):
        trained = [cell for cell in todo if str(cell.folder.absolute()) not in failed]
        # A progress of its own: the estimate of the rest follows the pace since its first line.
        measured = Progress(f"study, seed {seed}")
        for done, cell in enumerate(trained):
            measured.share(done, len(trained), "models evaluated")
            session.use_config(cell.config)
            run_stage(cell_stage(cell), session)
    return failed


def _stages(session: Session, config: RunConfig, stages: Sequence[Stage]) -> None:
    """Run the missing stages of one run, on the engines of the runs before."""
    session.use_config(config)
    session.write_config()
    for stage in stages:
        if stage.wanted(config) and not stage.complete(config):
            run_stage(stage, session)


def _replay(session: Session, todo: Sequence[Cell]) -> None:
    """Make the missing replay rows; `config.yaml` in their run folder stays that of the source."""
    for cell in todo:
        if REPLAY.wanted(cell.config) and not REPLAY.complete(cell.config):
            session.use_config(cell.config)
            run_stage(REPLAY, session)


def _finetune(session: Session, todo: Sequence[Cell], progress: Progress) -> dict[str, str]:
    """Train the cells that are fine-tuned without a refresh; return errors by folder."""
    at_a_time, threads = fine_tunings_at_a_time(session.plan)
    jobs = []
    for cell in todo:
        session.use_config(cell.config)
        cell_stage(cell).open_folder(cell.config, session.weights_gb)
        if cell.is_student:
            continue
        job = cell_job(session, cell, threads)
        if not cell.config.sft.refresh:
            jobs.append(job)
    return train_missing(session, jobs, at_a_time, todo[0].config.folder, progress)
