"""Start or join a Ray cluster, and leave nothing behind."""

import logging
import os
from collections.abc import Generator
from contextlib import contextmanager

import psutil
import ray

from .config import ClusterConfig
from .plan import GB, Machine


@contextmanager
def connect(config: ClusterConfig) -> Generator[Machine]:
    """Join the cluster at `config.address` or `RAY_ADDRESS`, else start one on this machine for the while.

    Yields what the cluster has. A cluster that was started here is stopped on leaving.

    Raises:
        ValueError: no cluster answers at the address.
    """
    address = config.address or os.environ.get("RAY_ADDRESS")
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
        yield _cluster_machine()
    finally:
        ray.shutdown()


def local_machine() -> Machine:
    """Cores this process may use, memory and GPUs of this machine."""
    import torch

    return Machine(
        cpus=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gb=psutil.virtual_memory().total / GB,
        gpus=torch.cuda.device_count(),
    )


def _cluster_machine() -> Machine:
    resources = ray.cluster_resources()
    nodes = [node for node in ray.nodes() if node["Alive"]]
    # Ray counts only what it hands out; the object store takes its part beside it.
    memory = sum(
        n["Resources"].get("memory", 0) + n["Resources"].get("object_store_memory", 0) for n in nodes
    )
    return Machine(int(resources.get("CPU", 1)), memory / GB, int(resources.get("GPU", 0)))
