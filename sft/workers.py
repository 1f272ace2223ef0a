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
    """How many processes, what each reserves, and how often those that died are started again."""

    count: int
    num_cpus: float
    use_gpu: bool
    max_failures: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    """Of the machines that they may be on, in Ray's syntax."""


def run_workers(
    body: Callable[[dict[str, Any]], None], config: dict[str, Any], workers: Workers, name: str, storage: Path
) -> None:
    """Call `body(config)` in every worker, their process group made, and wait until all have returned.

    Ray must be initialised. Raises Ray's TrainingFailedError if workers fail more than `max_failures` times.
    """
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

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
            failure_config=FailureConfig(workers.max_failures),  # ty: ignore[invalid-argument-type]
        ),
    )
    with _controller_told_its_cluster(), interrupts_kept():
        trainer.fit()


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
def _controller_told_its_cluster() -> Generator[None]:
    """Ray Train watches its controller through the cluster that was started last on this machine.

    If that is another one, the controller seems dead and its workers lose their cores; if it was killed, every end
    of a training waits for it in vain.
    """
    import ray
    from ray.train.v2._internal.constants import ENV_VARS_TO_PROPAGATE

    ENV_VARS_TO_PROPAGATE.add("RAY_ADDRESS")
    before = os.environ.get("RAY_ADDRESS")
    os.environ["RAY_ADDRESS"] = ray.get_runtime_context().gcs_address
    try:
        yield
    finally:
        if before is None:
            del os.environ["RAY_ADDRESS"]
        else:
            os.environ["RAY_ADDRESS"] = before
