"""Stage `sweep`: every trial trained, as many side by side as fit, then evaluated on one fleet."""

from pathlib import Path
from typing import Any

from cluster.planning.plan import concurrent_jobs
from rewriter_agent.evaluate.result import read_result
from rewriter_agent.experiments.fine_tunings import measure, train_missing
from rewriter_agent.experiments.measurements import is_measured
from rewriter_agent.experiments.results import write_measurements
from rewriter_agent.finetune.stage import make_job, write_inputs
from rewriter_agent.io.console import console
from rewriter_agent.io.files import atomic
from rewriter_agent.io.progress import Progress
from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.runtime.session import Session

from .page import write_page
from .result import sweep_csv, sweep_table, trial_result
from .trials import Trial, trials


def sweep(session: Session, folder: Path, progress: Progress) -> dict[str, Any]:
    """Train and measure every trial, and write `sweep.csv`, `sweep.json` and `sweep.html`.

    A trial's model is deleted after its evaluation.

    Raises:
        ValueError: trials failed; the others are in the table, and the failed ones are retried next time.
    """
    todo = trials(session.config)
    failed = _train(session, folder, todo, progress)
    trained = [trial for trial in todo if trial.name not in failed]
    done = sum(is_measured(folder / trial.name) for trial in trained)
    progress.begin("models", done)
    for trial in trained:
        if not is_measured(folder / trial.name):
            progress.share(done, len(trained), f"models evaluated | next: {trial.name}", "models")
            done += 1
        measure(session, folder / trial.name, folder / trial.name / "model", progress)
    if trained:
        _write(session, folder, trained)
    if failed:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        raise ValueError(f"{len(failed)} of {len(todo)} trials failed. {reasons}")
    return {"trials": len(todo), "page": str(StageFolder(folder).sweep_page)}


def _write(session: Session, folder: Path, trained: list[Trial]) -> None:
    base = read_result(session.folder.evaluation("base").result)
    results = [trial_result(trial, folder / trial.name, base) for trial in trained]
    files = StageFolder(folder)
    with atomic(files.sweep_table) as temporary:
        temporary.write_text(sweep_csv(results))
    write_measurements(files.sweep, results)
    write_page(files.sweep_page, session.config.name, results)
    console.say(sweep_table(results))


def _train(session: Session, folder: Path, all_trials: list[Trial], progress: Progress) -> dict[str, str]:
    """Train the trials without an evaluation; return the errors of failed trials by name."""
    todo = [trial for trial in all_trials if not is_measured(folder / trial.name)]
    # Counted over all trials, so a resumed trial keeps its number of threads.
    at_a_time, threads = concurrent_jobs(session.plan, "sft", len(all_trials))
    inputs = {data: folder / "data" / data for data in {trial.data for trial in todo}}
    for data, place in inputs.items():
        write_inputs(session, data, place, session.config.sft.replay if data == "rewritten" else None)
    jobs = [
        make_job(session, t.sft, inputs[t.data], folder / t.name, t.seed, threads, reuse_process=True)
        for t in todo
    ]
    failed = train_missing(session, jobs, at_a_time, folder, progress)
    return {Path(place).name: reason for place, reason in failed.items()}
