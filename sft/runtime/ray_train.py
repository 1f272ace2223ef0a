"""Training processes under Ray Train."""

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Workers:
    """Number of processes, the resources of each, and the limits of their starts."""

    count: int
    num_cpus: float
    use_gpu: bool
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

    # ControllerError is public, but the type of its cause is not exported.
    from ray.train.v2._internal.exceptions import WorkerGroupStartupTimeoutError

    # Ray exports Train V2 or V1 depending on an environment variable, which a type checker cannot follow.
    trainer = TorchTrainer(
        body,
        train_loop_config=config,
        scaling_config=ScalingConfig(  # ty: ignore[invalid-argument-type]
            num_workers=workers.count,
            use_gpu=workers.use_gpu,
            resources_per_worker={"CPU": workers.num_cpus, "GPU": int(workers.use_gpu)},
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
    with _controller_env(workers.start_timeout), preserve_sigint():
        try:
            trainer.fit()
        except ControllerError as error:
            if isinstance(error.controller_failure, WorkerGroupStartupTimeoutError):
                raise ValueError(_not_started(workers, name)) from error
            raise


def _not_started(workers: Workers, name: str) -> str:
    each = f"{workers.num_cpus:g} CPU" + (", 1 GPU" if workers.use_gpu else "")
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


@contextmanager
def _controller_env(start_timeout: float) -> Generator[None]:
    """Set environment variables for Ray Train's controller: the address of its cluster, and the start timeout.

    Without RAY_ADDRESS, Ray Train monitors its controller through the newest cluster on this machine. If that is
    another cluster, the controller seems dead and its workers lose their cores. If that cluster was killed, the end of
    every training waits for it in vain. Ray Train has no public way to extend the variables that it propagates.
    """
    import ray
    from ray.train.v2._internal.constants import ENV_VARS_TO_PROPAGATE

    ENV_VARS_TO_PROPAGATE.add("RAY_ADDRESS")
    variables = {
        "RAY_ADDRESS": ray.get_runtime_context().gcs_address,
        "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": str(start_timeout),
    }
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
