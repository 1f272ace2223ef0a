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
    """How many processes, what each reserves, and how often, and for how long, they are started."""

    count: int
    num_cpus: float
    use_gpu: bool
    max_failures: int = 0
    """How often those that died, or could not be started, are started again."""

    start_timeout: float = 600
    """Seconds for all of them to be there, from the first as from each time that they are started again."""

    labels: dict[str, str] = field(default_factory=dict)
    """Of the machines that they may be on, in Ray's syntax."""


def run_workers(
    body: Callable[[dict[str, Any]], None], config: dict[str, Any], workers: Workers, name: str, storage: Path
) -> None:
    """Call `body(config)` in every worker, their process group made, and wait until all have returned.

    Ray must be initialised.

    Raises:
        TrainingFailedError: workers failed more than `max_failures` times (Ray's error).
        ValueError: they could not be started that often.
    """
    from ray.train import ControllerError, FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer
    from ray.train.v2._internal.exceptions import WorkerGroupStartupTimeoutError

    # Ray exports Train V2 or V1 by an environment variable, which a type checker cannot follow.
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
    with _controller_told(workers.start_timeout), interrupts_kept():
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
        f"the processes of '{name}', {workers.count} x ({each}{labels}), were not there within "
        f"{workers.start_timeout:g} s (cluster.timeout): a machine may be gone, or others use it. "
        "What was done is kept: the same command goes on from here."
    )


@contextmanager
def interrupts_kept() -> Generator[None]:
    """Within, Ray Train takes Ctrl-C for itself, ends its workers and exits; it would keep it for good.

    Raises KeyboardInterrupt in place of that exit, whose status says that all went well.
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
def _controller_told(start_timeout: float) -> Generator[None]:
    """Ray Train's controller reads its environment: its cluster, and how long workers may take to start.

    Ray Train watches its controller through the cluster that was started last on this machine. If that is another
    one, the controller seems dead and its workers lose their cores; if it was killed, every end of a training waits
    for it in vain.
    """
    import ray
    from ray.train.v2._internal.constants import ENV_VARS_TO_PROPAGATE

    ENV_VARS_TO_PROPAGATE.add("RAY_ADDRESS")
    told = {
        "RAY_ADDRESS": ray.get_runtime_context().gcs_address,
        "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": str(start_timeout),
    }
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
