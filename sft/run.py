"""Runs of a fine-tuning job, from its rows to a model folder, with resume.

Heavy libraries are imported within functions: `train_worker` sets the environment of a worker before they load.
"""

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sft.runtime.collector import collector_paused
from sft.runtime.in_process import train_in_process
from sft.runtime.memory import keep_freed_memory
from sft.runtime.ray_train import Workers, run_workers

from .job import SFTJob


@dataclass(frozen=True)
class SFTResult:
    """Counts of a finished job."""

    num_rows: int
    """Rows trained on."""

    num_dropped: int
    """Rows dropped because they were longer than `max_length`."""

    global_step: int
    """Optimizer steps of the whole training, including those before a resume."""


def run_sft(job: SFTJob) -> SFTResult:
    """Train, or resume from the newest complete checkpoint, and leave the model in `job.model_dir`.

    A job that has already finished returns its result at once. Ray must be initialised.

    Raises:
        ValueError: the rows do not suit the options, the folder belongs to another job, or workers did not start.
        TrainingFailedError: workers failed more than `max_failures` times (Ray's error).
    """
    from sft.runtime.checkpoints import read_state

    from .save_model import save_adapter

    num_rows, num_dropped = _check(job)
    if result := finished_result(job):
        return result
    checkpoint = _train_to_end(job)
    if job.sft.lora:
        save_adapter(checkpoint, job.adapter_dir)
    _save(checkpoint, job, job.model_dir)
    return _finish(job, SFTResult(num_rows, num_dropped, read_state(checkpoint)["global_step"]))


def run_part(job: SFTJob) -> int:
    """Train until `job.until` or `job.until_kl`, leave the model in `job.student_dir` and return the step.

    With refreshes, rows are used once, in order, and `job.rows` has to begin with the rows of the parts before. An
    adapter is left in `adapter/` of the same folder. Raises like `run_sft`.
    """
    from sft.runtime.checkpoints import read_state

    from .save_model import save_adapter

    _check(job)
    checkpoint = _train_to_end(job)
    _save(checkpoint, job, job.student_dir)
    if job.sft.lora:
        save_adapter(checkpoint, job.student_dir / job.adapter_dir.name)
    return read_state(checkpoint)["global_step"]


def finished_result(job: SFTJob) -> SFTResult | None:
    """Read the result of a finished job; None if it is not finished."""
    if _result_path(job).exists() and job.model_dir.exists():
        return SFTResult(**json.loads(_result_path(job).read_text()))
    return None


def finish_with(job: SFTJob, model: Path, step: int) -> SFTResult:
    """Finish a job after `step` with a model that `run_part` has left, which is moved; remove the checkpoints."""
    num_rows, num_dropped = _check(job)
    if model.exists():
        shutil.rmtree(job.model_dir, ignore_errors=True)
        os.replace(model, job.model_dir)
    # A killed process may have moved the model already.
    if (adapter := job.model_dir / job.adapter_dir.name).exists():
        shutil.rmtree(job.adapter_dir, ignore_errors=True)
        os.replace(adapter, job.adapter_dir)
    return _finish(job, SFTResult(num_rows, num_dropped, step))


def _save(checkpoint: Path, job: SFTJob, target: Path) -> None:
    from .save_model import save_model

    save_model(
        checkpoint, job.model, target, job.sft.dtype, job.end_token_ids, wise_ft_alpha=job.sft.wise_ft_alpha
    )


def _finish(job: SFTJob, result: SFTResult) -> SFTResult:
    _write_json(_result_path(job), asdict(result))
    shutil.rmtree(job.checkpoints_dir, ignore_errors=True)
    return result


def _result_path(job: SFTJob) -> Path:
    return job.output_dir / "result.json"


def train_worker(config: dict[str, Any]) -> None:
    """Body of each Ray Train worker; `config` is a dumped SFTJob."""
    job = SFTJob.model_validate(config)
    os.environ.update(job.env)
    if not job.use_gpu:
        keep_freed_memory()
    with collector_paused():
        from .worker import train

    train(job)


def _check(job: SFTJob) -> tuple[int, int]:
    """Raise users' errors before workers start; return the numbers of rows kept and dropped."""
    from .checks import check_data, check_machine

    check_machine(job)
    counts = check_data(job)
    _claim_output_dir(job)
    return counts


def _train_to_end(job: SFTJob) -> Path:
    """Train unless the job, or its part, has ended already, and return its last checkpoint."""
    from sft.runtime.checkpoints import newest_complete

    from .resume import has_ended

    checkpoint = newest_complete(job.checkpoints_dir)
    if checkpoint is None or not has_ended(checkpoint, job):
        _train(job)
        checkpoint = newest_complete(job.checkpoints_dir)
    assert checkpoint is not None
    assert has_ended(checkpoint, job)
    return checkpoint


def _train(job: SFTJob) -> None:
    if job.in_process:
        train_in_process(job)
        return
    workers = Workers(
        count=job.sft.num_workers,
        num_cpus=job.threads,
        num_gpus=int(job.use_gpu),
        max_failures=job.max_failures,
        start_timeout=job.start_timeout,
        labels=job.labels,
    )
    run_workers(train_worker, job.model_dump(mode="json"), workers, job.run_name, job.checkpoints_dir / "ray")


def _claim_output_dir(job: SFTJob) -> None:
    """Record the job in its folder; raise ValueError if the folder belongs to another job."""
    identity = {
        "model": str(job.model),
        # With refreshes, rows are added during the job.
        "rows": None if job.sft.refresh else hashlib.sha256(job.rows.read_bytes()).hexdigest(),
        "seed": job.seed,
        "sft": job.sft.model_dump(mode="json"),
    }
    path = job.output_dir / "job.json"
    if not path.exists():
        job.output_dir.mkdir(parents=True, exist_ok=True)
        _write_json(path, identity)
        return
    previous = json.loads(path.read_text())
    changed = [name for name in identity if identity[name] != previous[name]]
    if changed:
        raise ValueError(
            f"{job.output_dir} was created with different {', '.join(changed)} and cannot be resumed; "
            "delete the folder or choose another output_dir"
        )


def _write_json(path: Path, content: dict[str, Any]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(temporary, path)
