"""The fine-tuning job: Ray Train workers under DeepSpeed ZeRO-3, from a file of rows to a model folder."""

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from sft.config.sft import SFTConfig
from sft.runtime.memory import keep_freed_memory
from sft.runtime.ray_train import Workers, run_workers

# Workers run in another directory than the process that submits the job.
AbsolutePath = Annotated[Path, AfterValidator(Path.absolute)]


class SFTJob(BaseModel):
    """What to train, where, and with what resources. All workers must see the folders."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: AbsolutePath
    """Folder of the model to start from, with its tokenizer."""

    rows: AbsolutePath
    """Parquet file written by `write_rows`."""

    probe: AbsolutePath | None = None
    """Parquet file of the backbone's own answers, with their log-probs under it; the first `probe_size` are used."""

    until: int | None = Field(None, ge=1)
    """Stop after this step of the job, which goes on with more rows then; None trains to the end."""

    until_kl: float | None = Field(None, gt=0)
    """Stop earlier, as soon as `probe/kl` is as large."""

    behavior_step: int = Field(0, ge=0)
    """Step of the job whose model the newest rows' log-probs are of."""

    end_token_ids: tuple[int, ...] = Field(min_length=1)
    """Ids that end a text: each row ends in one of them, and the trained model names them."""

    output_dir: AbsolutePath
    """Holds `model/`, `adapter/` of LoRA, `metrics.jsonl`, `result.json` at the end; checkpoints until then."""

    sft: SFTConfig
    """Training options."""

    seed: int = 0
    """Seed of the order of the rows."""

    threads: int = Field(1, ge=1)
    """CPU threads (and Ray CPUs) of each worker; threads x workers must not exceed the cores."""

    use_gpu: bool = False
    """One GPU a worker and NCCL; otherwise CPU and Gloo."""

    in_process: bool = False
    """Train in the calling process, in place of a worker started for it: for many trainings of one worker each, whose
    libraries then load once. Whoever calls starts it again if it dies."""

    labels: dict[str, str] = {}
    """Ray labels of the machines that workers may be on."""

    max_failures: int = Field(0, ge=0)
    """How often workers that died are started again, from the newest checkpoint."""

    start_timeout: float = Field(600, gt=0)
    """Seconds that workers may take to be there, each time that they are started."""

    env: dict[str, str] = {}
    """Environment variables set in each worker before it loads its libraries."""

    report_to: Literal["none", "wandb", "tensorboard"] = "none"
    """Where metrics go besides `metrics.jsonl`."""

    run_name: str = "sft"
    """Name shown by Ray and by W&B."""

    @model_validator(mode="after")
    def _one_worker(self) -> "SFTJob":
        assert not self.in_process or self.sft.num_workers == 1
        return self

    @property
    def model_dir(self) -> Path:
        """Where the trained model lies after success, an adapter merged."""
        return self.output_dir / "model"

    @property
    def student_dir(self) -> Path:
        """Where the model of the last part lies until the next one."""
        return self.output_dir / "student"

    @property
    def adapter_dir(self) -> Path:
        """Where the adapter itself lies, in PEFT's format, if one was trained."""
        return self.output_dir / "adapter"

    @property
    def checkpoints_dir(self) -> Path:
        """Where checkpoints lie until success."""
        return self.output_dir / "checkpoints"

    @property
    def metrics_path(self) -> Path:
        """One JSON line per logging step."""
        return self.output_dir / "metrics.jsonl"


@dataclass(frozen=True)
class SFTResult:
    """What a finished job did."""

    num_rows: int
    """Rows trained on."""

    num_dropped: int
    """Rows left out because they were longer than `max_length`."""

    global_step: int
    """Optimizer steps of the whole training, resumed parts included."""


def run_sft(job: SFTJob) -> SFTResult:
    """Train, or go on from the newest complete checkpoint, and leave the model in `job.model_dir`.

    A job that has already finished returns its result at once. Ray must be initialised.

    Raises ValueError if the rows do not suit the options, the folder holds another job's work or workers could not be
    started, and Ray's TrainingFailedError if workers fail more than `max_failures` times.
    """
    from sft.runtime.checkpoints import read_state

    from .save_model import publish_adapter, publish_model

    num_rows, num_dropped = _begin(job)
    result_path = job.output_dir / "result.json"
    if result_path.exists() and job.model_dir.exists():
        return SFTResult(**json.loads(result_path.read_text()))
    checkpoint = _trained(job)
    if job.sft.lora:
        publish_adapter(checkpoint, job.adapter_dir)
    publish_model(checkpoint, job.model, job.model_dir, job.sft.dtype, job.end_token_ids)
    result = SFTResult(num_rows, num_dropped, read_state(checkpoint)["global_step"])
    _write_json(result_path, asdict(result))
    shutil.rmtree(job.checkpoints_dir)
    return result


def run_part(job: SFTJob) -> int:
    """Train until `job.until` or `job.until_kl`, and leave the model in `job.student_dir`; returns the step.

    The rows are taken in their order, once: `job.rows` begins with those of the parts before. Raises as `run_sft`.
    """
    from sft.runtime.checkpoints import read_state

    from .save_model import publish_model

    _begin(job)
    checkpoint = _trained(job)
    publish_model(checkpoint, job.model, job.student_dir, job.sft.dtype, job.end_token_ids)
    return read_state(checkpoint)["global_step"]


def train_worker(config: dict[str, Any]) -> None:
    """Body of each Ray Train worker; `config` is a dumped SFTJob."""
    job = SFTJob.model_validate(config)
    os.environ.update(job.env)
    if not job.use_gpu:
        keep_freed_memory()
    # torch, deepspeed and trl are loaded by the workers, not by the process that submits the job.
    from .worker import train

    train(job)


def _begin(job: SFTJob) -> tuple[int, int]:
    """Numbers of rows kept and dropped; a user's error is raised here, before workers start."""
    from .checks import check_data, check_machine

    check_machine(job)
    counts = check_data(job)
    _claim_output_dir(job)
    return counts


def _trained(job: SFTJob) -> Path:
    """The checkpoint that the job, or its part, ends with; trains if it is not there."""
    from sft.runtime.checkpoints import newest_complete

    checkpoint = newest_complete(job.checkpoints_dir)
    if checkpoint is None or not has_ended(checkpoint, job):
        _train(job)
        checkpoint = newest_complete(job.checkpoints_dir)
    assert checkpoint is not None
    assert has_ended(checkpoint, job)
    return checkpoint


def has_ended(checkpoint: Path, job: SFTJob) -> bool:
    """Whether the job, or its part, ended with this checkpoint."""
    from sft.runtime.checkpoints import is_final, read_state
    from sft.runtime.metrics import read_metrics
    from sft.runtime.stop import reached_kl

    step = read_state(checkpoint)["global_step"]
    if is_final(checkpoint) or (job.until is not None and step >= job.until):
        return True
    return any(
        reached_kl(line, job.until_kl) for line in read_metrics(job.metrics_path) if line["step"] == step
    )


def _train(job: SFTJob) -> None:
    if job.in_process:
        from sft.runtime.in_process import train_in_process

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
    """Record what is trained in the folder; raise ValueError where it was something else."""
    identity = {
        "model": str(job.model),
        # Refreshed, they are added to.
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
            f"{job.output_dir} holds a job with other {', '.join(changed)}, which cannot be gone on with; "
            "delete the folder or choose another output_dir"
        )


def _write_json(path: Path, content: dict[str, Any]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(temporary, path)
