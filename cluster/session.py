"""Start or join a Ray cluster, and leave nothing behind."""

import logging
import os
from collections.abc import Generator
from contextlib import contextmanager

import psutil
import ray

from cluster.planning.machine import GB, Machine, of_nodes

from .config import ClusterConfig


@contextmanager
def connect(config: ClusterConfig) -> Generator[list[Machine]]:
    """Join the cluster at `config.address` or `RAY_ADDRESS`, else start one on this machine for the while.

    Yields what the cluster has. A cluster that was started here is stopped on leaving.

    Raises:
        ValueError: no cluster answers at the address.
    """
    address = joined(config)
    try:
        if address:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        else:
            # Without an address Ray would join any cluster that it finds on this machine.
            ray.init(
                address="local",
                num_cpus=local_machine().cpus,
                # Ray Train asks it whether its controller lives, and waits where there is none.
                include_dashboard=True,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except ConnectionError as error:
        raise ValueError(
            f"no Ray cluster answers at '{address}'. Start one (`make cluster`), or unset cluster.address and "
            "RAY_ADDRESS to have one started for this run."
        ) from error
    try:
        yield of_nodes(ray.nodes())
    finally:
        ray.shutdown()


def joined(config: ClusterConfig) -> str | None:
    """Address of the cluster that is there already; None where one is started."""
    return config.address or os.environ.get("RAY_ADDRESS")


def local_machine() -> Machine:
    """Cores this process may use, memory and GPUs of this machine."""
    import torch

    return Machine(
        cpus=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gb=psutil.virtual_memory().total / GB,
        gpus=torch.cuda.device_count(),
        gpu_memory_gb=_gpu_memory_gb(),
    )


def _gpu_memory_gb() -> float | None:
    """Of the smallest."""
    import torch

    devices = range(torch.cuda.device_count())
    return min((torch.cuda.get_device_properties(i).total_memory / GB for i in devices), default=None)
