"""Many fine-tunings as Ray tasks, as many in parallel as the cluster has capacity for."""

from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray.exceptions import RayTaskError, WorkerCrashedError

from rewriter_agent.io.progress import Progress
from sft.job import SFTJob
from sft.run import run_sft

Work = Callable[[dict[str, Any]], None]


def _finetune(job: dict[str, Any]) -> None:
    run_sft(SFTJob.model_validate(job))


def run_jobs(
    jobs: Sequence[SFTJob], at_a_time: int, progress: Progress, work: Work = _finetune
) -> dict[str, str]:
    """`work` on each dumped job; one that fails leaves the others alone. Returns errors by output folder."""
    waiting, running, failed = list(jobs), {}, {}
    progress.begin("fine-tunings")
    for done in range(1, len(jobs) + 1):
        while waiting and len(running) < at_a_time:
            job = waiting.pop(0)
            running[_task(job, work).remote(job.model_dump(mode="json"))] = job
        (finished,), _ = ray.wait(list(running))
        job = running.pop(finished)
        try:
            ray.get(finished)
        except (RayTaskError, WorkerCrashedError) as error:
            failed[str(job.output_dir)] = str(getattr(error, "cause", error)).strip().split("\n")[-1]
            progress(f"failed: {job.output_dir.name}\n{error}")
        progress.share(done, len(jobs), f"trained: {job.output_dir.name}", "fine-tunings")
    return failed


def _task(job: SFTJob, work: Work) -> Any:
    """Workers that a task starts reserve what they need themselves; so does a task that trains in its own process."""
    if not job.in_process:
        return ray.remote(num_cpus=0, max_retries=0)(work)
    # The same for all jobs: one process runs many.
    threads = {name: str(job.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    return ray.remote(
        num_cpus=job.threads,
        num_gpus=int(job.use_gpu),
        max_retries=job.max_failures,
        runtime_env={"env_vars": threads},
    )(work).options(label_selector=job.labels or None)
