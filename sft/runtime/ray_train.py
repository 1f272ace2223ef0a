"""Training processes under Ray Train."""

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sft.compat.ray import controller_env


@dataclass(frozen=True)
class Workers:
    """Number of processes, the resources of each, and the limits of their starts."""

    count: int
    num_cpus: float
    num_gpus: float
    """GPUs of a process; a fraction of one is shared with other processes."""
    max_failures: int = 0
    """Number of restarts after workers died or could not be started."""

    start_timeout: float = 600
    """Seconds that a start, or restart, of all workers may take."""

    labels: dict[str, str] = field(default_factory=dict)
    """Label selector of the machines that they may run on, in Ray's syntax."""


def run_workers(
    body: Callable[[dict[str, Any]], None], config: dict[str, Any], workers: Workers, name: str, storage: Path
) -> None:
    """Call `body(config)` in every worker of a new process group, and wait until all have returned.

    Ray must be initialised.

    Raises:
        TrainingFailedError: workers failed more than `max_failures` times (Ray's error).
        ValueError: workers could not be started within `start_timeout`, more than `max_failures` times.
    """
    from ray.train import ControllerError, FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    # Ray exports Train V2 or V1 depending on an environment variable, which a type checker cannot follow.
    trainer = TorchTrainer(
        body,
        train_loop_config=config,
        scaling_config=ScalingConfig(  # ty: ignore[invalid-argument-type]
            num_workers=workers.count,
            use_gpu=workers.num_gpus > 0,
            resources_per_worker={"CPU": workers.num_cpus, "GPU": workers.num_gpus},
            label_selector=workers.labels or None,  # ty: ignore[unknown-argument]
        ),
        run_config=RunConfig(  # ty: ignore[invalid-argument-type]
            name=name,
            storage_path=str(storage.absolute()),
            failure_config=FailureConfig(  # ty: ignore[invalid-argument-type]
                max_failures=workers.max_failures,
                controller_failure_limit=workers.max_failures,  # ty: ignore[unknown-argument]
            ),
        ),
    )
    with controller_env(workers.start_timeout), preserve_sigint():
        try:
            trainer.fit()
        except ControllerError as error:
            # ControllerError is public, but the type of its cause is not exported.
            if type(error.controller_failure).__name__ == "WorkerGroupStartupTimeoutError":
                raise ValueError(_not_started(workers, name)) from error
            raise


def _not_started(workers: Workers, name: str) -> str:
    each = f"{workers.num_cpus:g} CPU" + (f", {workers.num_gpus:g} GPU" if workers.num_gpus else "")
    labels = "".join(f", {key}={value}" for key, value in workers.labels.items())
    return (
        f"the processes of '{name}', {workers.count} x ({each}{labels}), did not start within "
        f"{workers.start_timeout:g} s (cluster.timeout): a machine may be lost, or used by others. "
        "Finished work is kept: run the same command again to resume."
    )


@contextmanager
def preserve_sigint() -> Generator[None]:
    """Restore the handler of SIGINT after the block.

    Ray Train installs its own in `fit` (https://github.com/ray-project/ray/pull/53600), and never removes it. On Ctrl-C
    it stops the workers and exits with status 0; KeyboardInterrupt is raised in place of that exit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, before)
