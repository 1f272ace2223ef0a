"""A pilot: each kind of a study's work once and small, on this machine with this model, to time it."""

import shutil
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median

from cluster.session import connect
from rewriter_agent.config import RunConfig, make_config
from rewriter_agent.finetune.parallel import run_jobs
from rewriter_agent.finetune.stage import make_job, write_inputs
from rewriter_agent.io.console import console
from rewriter_agent.io.files import exclusive, read_jsonl
from rewriter_agent.io.progress import Progress
from rewriter_agent.pipeline import EVALUATE_BASE, PREPARE, REWRITE, TRAIN
from rewriter_agent.runtime.run_folder import RunFolder, StageFolder
from rewriter_agent.runtime.runner import run_stage
from rewriter_agent.runtime.session import Session
from rewriter_agent.runtime.stage import Stage, roles_of

from .plan import StudyPlan
from .stages import fine_tunings_at_a_time

PROBLEMS, TRAIN_STEPS, SFT_STEPS = 64, 3, 8


@dataclass(frozen=True)
class Speeds:
    """Seconds per unit of each kind of work."""

    engines_start: float
    problem_prepared: float
    rewriter_start: float
    """Start and end of learner and processes, before the first step and after the last."""
    rewriter_step: float
    rollout: float
    """One rollout of rewriting, scored."""
    tokens: float
    """Tokens written in one rollout."""
    processes_start: float
    """Start of the processes of fine-tuning, once per seed."""
    fine_tuning: float
    """One fine-tuning without its steps, with as many side by side as in the study."""
    fine_tuning_step: float
    evaluation: float


def measure_speeds(plan: StudyPlan) -> Speeds:
    """Do the pilot in the folder `pilot` of the study; takes minutes, of which most is one whole evaluation."""
    config = pilot_config(plan)
    # Results and caches of an earlier pilot would be reused and not timed.
    shutil.rmtree(config.output_dir, ignore_errors=True)
    stages = (PREPARE, TRAIN, REWRITE)
    with connect(config.cluster, config.output_dir, console.has_log) as machines, exclusive(config.folder):
        session = Session(config, machines, roles_of(stages, config) | {"policy", "backbone", "sft"})
        try:
            session.write_config()
            start = time.monotonic()
            session.wait_engines("backbone", "policy")
            engines_start = time.monotonic() - start
            seconds = {
                stage.name: _done(stage, session) for stage in (PREPARE, EVALUATE_BASE, TRAIN, REWRITE)
            }
            first, later, step = _fine_tunings(session)
        finally:
            session.close()
    steps = [row["step_time"] for row in read_jsonl(RunFolder(config.folder).train.metrics)]
    manifest = REWRITE.read_manifest(config)
    assert manifest is not None, "just done"
    written = manifest["counts"]
    return Speeds(
        engines_start=engines_start,
        problem_prepared=seconds["prepare"] / written["problems"],
        rewriter_start=seconds["train"] - sum(steps),
        # The first step starts up caches and threads.
        rewriter_step=fmean(steps[1:]),
        rollout=seconds["rewrite"] / written["rollouts"],
        tokens=written["generated_tokens"] / written["rollouts"],
        processes_start=max(0.0, first - later),
        fine_tuning=max(0.0, later - SFT_STEPS * step),
        fine_tuning_step=step,
        evaluation=seconds["evaluate-base"],
    )


def pilot_config(plan: StudyPlan) -> RunConfig:
    """The study's, with few problems and steps."""
    tree = plan.config.model_dump(mode="json")
    tree |= {
        "name": "run",
        "output_dir": str(plan.config.folder / "pilot"),
        "study": None,
        "method": "rewrite",
    }
    tree["data"]["num_train"] = min(PROBLEMS, plan.problems)
    tree["train"]["max_steps"] = TRAIN_STEPS
    tree["rewrite"] |= {"strategy": "policy", "rewriter": None, "select": None}
    tree["sft"] |= {"sweep": None, "refresh": None, "max_steps": SFT_STEPS, "logging_steps": 1}
    return make_config(tree)


def _done(stage: Stage, session: Session) -> float:
    """Seconds of a stage."""
    run_stage(stage, session)
    manifest = stage.read_manifest(session.config)
    assert manifest is not None, "just done"
    return manifest["wall_seconds"]


def _fine_tunings(session: Session) -> tuple[float, float, float]:
    """Seconds of the first that a process does, of a later one, and of a step."""
    at_a_time, threads = fine_tunings_at_a_time(session.plan)
    inputs = session.folder.stage("rows").path
    write_inputs(session, "expert", inputs)
    session.release_engines()
    seconds, step = [], 0.0
    for turn in range(2):
        places = [session.folder.stage(f"fine-tuning-{turn}-{k}").path for k in range(at_a_time)]
        jobs = [
            make_job(session, session.config.sft, inputs, place, 0, threads, reuse_process=True)
            for place in places
        ]
        start = time.monotonic()
        failed = run_jobs(jobs, at_a_time, Progress("pilot"))
        seconds.append(time.monotonic() - start)
        if failed:
            raise ValueError(f"the pilot's fine-tuning failed: {'; '.join(failed.values())}")
        step = fmean(_step(place) for place in places)
    return seconds[0], seconds[1], step


def _step(place: Path) -> float:
    """Median seconds of a step; the first starts up caches, and the last measures the probe."""
    elapsed = [line["elapsed"] for line in read_jsonl(StageFolder(place).metrics)]
    return median(after - before for before, after in pairwise(elapsed))
