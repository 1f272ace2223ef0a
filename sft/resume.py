"""Test of whether a resumed job has anything left to train."""

from pathlib import Path

from sft.runtime.checkpoints import is_final, read_state
from sft.runtime.metrics import read_metrics
from sft.runtime.stop import reached_kl

from .job import SFTJob


def has_ended(checkpoint: Path, job: SFTJob) -> bool:
    """Whether the job, or its part, ended with this checkpoint."""
    step = read_state(checkpoint)["global_step"]
    if is_final(checkpoint) or (job.until is not None and step >= job.until):
        return True
    return any(
        reached_kl(line, job.until_kl) for line in read_metrics(job.metrics_path) if line["step"] == step
    )
