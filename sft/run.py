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

    from .save_model import save_adapter, save_model

    num_rows, num_dropped = _check(job)
    result_path = job.output_dir / "result.json"
    if result_path.exists() and job.model_dir.exists():
        return SFTResult(**json.loads(result_path.read_text()))
    checkpoint = _train_to_end(job)
    if job.sft.lora:
        save_adapter(checkpoint, job.adapter_dir)
    save_model(checkpoint, job.model, job.model_dir, job.sft.dtype, job.end_token_ids)
    result = SFTResult(num_rows, num_dropped, read_state(checkpoint)["global_step"])
    _write_json(result_path, asdict(result))
    shutil.rmtree(job.checkpoints_dir)
    return result


def run_part(job: SFTJob) -> int:
    """Train until `job.until` or `job.until_kl`, leave the model in `job.student_dir` and return the step.

    Rows are used once, in order; `job.rows` has to begin with the rows of the parts before. Raises like `run_sft`.
    """
    from sft.runtime.checkpoints import read_state

    from .save_model import save_model

    _check(job)
    checkpoint = _train_to_end(job)
    save_model(checkpoint, job.model, job.student_dir, job.sft.dtype, job.end_token_ids)
    return read_state(checkpoint)["global_step"]


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
        use_gpu=job.use_gpu,
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
