"""Stage `sweep`: every trial trained, as many side by side as there is room for, then evaluated on one fleet."""

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ray

from cluster.plan import side_by_side
from sft.job import SFTJob, run_sft

from ..evaluate.model import evaluate_model
from ..evaluate.result import read_result
from ..files import atomic, write_json
from ..finetune import make_job, write_inputs
from ..progress import Progress
from ..run import Run
from .page import write_page
from .result import EVALUATION, sweep_csv, sweep_table, trial_result
from .trials import Trial, trials


def sweep(run: Run, folder: Path, progress: Progress) -> dict[str, Any]:
    """Leaves `sweep.csv`, `sweep.json` and `sweep.html`; a trial's model is deleted once it has been evaluated."""
    todo = trials(run.config)
    _train(run, folder, [trial for trial in todo if not _evaluated(folder / trial.name)], progress)
    for done, trial in enumerate(todo, 1):
        place = folder / trial.name
        if not _evaluated(place):
            progress(f"evaluating {done}/{len(todo)}: {trial.name}")
            _evaluate(run, place, progress)
        shutil.rmtree(place / "model", ignore_errors=True)
    base = read_result(run.stage_folder("evaluate-base") / "result.json")
    results = [trial_result(trial, folder / trial.name, base) for trial in todo]
    with atomic(folder / "sweep.csv") as temporary:
        temporary.write_text(sweep_csv(results))
    write_json(folder / "sweep.json", [asdict(result) for result in results])
    write_page(folder / "sweep.html", run.config.name, results)
    print(sweep_table(results), flush=True)
    return {"trials": len(results), "page": str(folder / "sweep.html")}


def _evaluated(place: Path) -> bool:
    return (place / EVALUATION / "result.json").exists()


def _train(run: Run, folder: Path, todo: list[Trial], progress: Progress) -> None:
    """Ray tasks, which reserve nothing themselves: their workers do."""
    if not todo:
        return
    run.release_engines()
    at_a_time, threads = side_by_side(run.plan, "sft", len(todo))
    progress(f"{len(todo)} trials to train, {at_a_time} at a time")
    inputs = {data: folder / "data" / data for data in {trial.data for trial in todo}}
    for data, place in inputs.items():
        write_inputs(run, data, place)
    task = ray.remote(num_cpus=0, max_retries=0)(_finetune)
    waiting = [make_job(run, t.sft, inputs[t.data], folder / t.name, t.seed, threads) for t in todo]
    running: list[Any] = []
    for done in range(len(todo)):
        while waiting and len(running) < at_a_time:
            running.append(task.remote(waiting.pop(0).model_dump(mode="json")))
        (finished,), running = ray.wait(running)
        progress.share(done + 1, len(todo), f"trained: {ray.get(finished)}")


def _finetune(job: dict[str, Any]) -> str:
    """Body of a Ray task; returns what it trained."""
    made = SFTJob.model_validate(job)
    run_sft(made)
    return made.output_dir.name


def _evaluate(run: Run, place: Path, progress: Callable[[str], None]) -> None:
    run.policy.load((place / "model").absolute())
    evaluate_model(
        run.policy,
        run.tokenizer,
        run.test_problems(),
        run.config.evaluate,
        run.verifier.verify,
        place / EVALUATION,
        progress,
        system_prompt=run.config.model.system_prompt,
    )
