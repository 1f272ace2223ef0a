"""Specification of a fine-tuning job, and the paths of its files."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from sft.config.sft import SFTConfig

# Absolute, since workers run in another directory than the process that submits the job.
AbsolutePath = Annotated[Path, AfterValidator(Path.absolute)]


class SFTJob(BaseModel):
    """Model, rows, options and resources of a fine-tuning. All workers must be able to access the folders."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: AbsolutePath
    """Folder of the model to start from, with its tokenizer."""

    rows: AbsolutePath
    """Parquet file written by `write_rows`."""

    probe: AbsolutePath | None = None
    """Parquet file of the backbone's own answers with their log-probs under it; the first `probe_size` are used."""

    until: int | None = Field(None, ge=1)
    """Stop after this step, to continue with more rows later; None trains to the end."""

    until_kl: float | None = Field(None, gt=0)
    """Stop earlier, as soon as `probe/kl` reaches this value."""

    behavior_step: int = Field(0, ge=0)
    """Step of the model that took the backbone's place when the newest rows were made."""

    end_token_ids: tuple[int, ...] = Field(min_length=1)
    """Ids that end a text: every row ends in one of them, and the generation config of the trained model names them."""

    output_dir: AbsolutePath
    """Folder of `model/`, `adapter/` (LoRA only), `metrics.jsonl` and `result.json`; of checkpoints until then."""

    sft: SFTConfig
    """Training options."""

    seed: int = 0
    """Seed of the order of the rows."""

    threads: int = Field(1, ge=1)
    """CPU threads (and Ray CPUs) of each worker; threads x workers must not exceed the cores."""

    use_gpu: bool = False
    """Train with NCCL and one GPU per worker instead of Gloo on CPUs."""

    in_process: bool = False
    """Train in the calling process instead of a Ray Train worker; one worker only.

    Many trainings can then share a process, in which libraries load once. The caller restarts the process if it dies.
    """

    labels: dict[str, str] = {}
    """Ray label selector of the machines that workers may run on."""

    max_failures: int = Field(0, ge=0)
    """Number of restarts of workers that died, from the newest checkpoint."""

    start_timeout: float = Field(600, gt=0)
    """Seconds that each start of the workers may take."""

    env: dict[str, str] = {}
    """Environment variables that each worker sets before it imports its libraries."""

    report_to: Literal["none", "wandb", "tensorboard"] = "none"
    """Destination of metrics in addition to `metrics.jsonl`."""

    run_name: str = "sft"
    """Name of the run in Ray and W&B."""

    @model_validator(mode="after")
    def _one_worker(self) -> "SFTJob":
        assert not self.in_process or self.sft.num_workers == 1
        return self

    @property
    def model_dir(self) -> Path:
        """Folder of the trained model after success, with the adapter merged."""
        return self.output_dir / "model"

    @property
    def student_dir(self) -> Path:
        """Folder of the model after the last part."""
        return self.output_dir / "student"

    @property
    def adapter_dir(self) -> Path:
        """Folder of the adapter, in PEFT's format, if one was trained."""
        return self.output_dir / "adapter"

    @property
    def checkpoints_dir(self) -> Path:
        """Folder of the checkpoints, removed after success."""
        return self.output_dir / "checkpoints"

    @property
    def metrics_path(self) -> Path:
        """File of metrics, with one JSON line per logging step."""
        return self.output_dir / "metrics.jsonl"
