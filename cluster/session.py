"""Start or join a Ray cluster, and leave nothing behind."""

import logging
import os
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import psutil
import ray
from ray.exceptions import AuthenticationError

from cluster.planning.machine import GB, Machine, machines_from_ray

from .config import ClusterConfig
from .credentials import JOB, hand_over, write_credentials
from .loopback import LOOPBACK, answers, is_loopback, loopback_only
from .temporary import ray_folder
from .token import new_token, protect_token

PORT = 6379


@contextmanager
def connect(config: ClusterConfig, shared: Path | None = None) -> Generator[list[Machine]]:
    """Join the cluster at `config.address` or `RAY_ADDRESS`, else start one on this machine for the while.

    Yields what the cluster has. A cluster that was started here is stopped on leaving. `shared` is a folder that all
    machines see; processes of a joined cluster get the user's keys and tokens by a file in it.

    Raises:
        ValueError: no cluster answers at the address.
    """
    address = joined(config)
    # A submitted job has a runtime_env already.
    path = write_credentials(shared.absolute()) if address and shared and JOB not in os.environ else None
    try:
        if address:
            _join(address, hand_over(path) if path else None)
        else:
            _start()
        yield machines_from_ray(ray.nodes())
    finally:
        ray.shutdown()
        if path:
            path.unlink(missing_ok=True)


def _start() -> None:
    # Else Ray keeps a token of its own making in a file, and there may be no home for it.
    os.environ.setdefault("RAY_AUTH_TOKEN", new_token())
    with loopback_only():
        # Without an address Ray would join any cluster that it finds on this machine.
        ray.init(
            address="local",
            num_cpus=local_machine().cpus,
            # Ray Train asks it whether its controller lives, and waits where there is none.
            include_dashboard=True,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=str(ray_folder() / "ray"),
        )


def _join(address: str, runtime_env: dict[str, Any] | None) -> None:
    protect_token()
    host, port = host_and_port(address)
    if host and not answers(host, port):
        raise ValueError(_no_cluster(address, f"nothing listens at {host}:{port}"))
    with loopback_only() if _is_loopback_only(host, port) else nullcontext():
        try:
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env=runtime_env,
            )
        except AuthenticationError as error:
            raise ValueError(_no_cluster(address, _reason(error))) from error
        except (ConnectionError, RuntimeError) as error:
            raise ValueError(_no_cluster(address, _reason(error.__cause__ or error))) from error


def host_and_port(address: str) -> tuple[str, int]:
    """Split a cluster's address; the host is empty if the address is a word of Ray's, such as `auto`."""
    scheme, _, rest = address.rpartition("://")
    host, colon, port = rest.rpartition(":")
    if not colon:
        return "", PORT
    if not port.isdecimal() or int(port) > 65535 or scheme not in ("", "ray"):
        raise ValueError(
            f"'{address}' is no address of a Ray cluster (cluster.address or RAY_ADDRESS): give host:port, for example "
            f"{LOOPBACK}:{PORT}, or auto."
        )
    return host.strip("[]"), int(port)


def _is_loopback_only(host: str, port: int) -> bool:
    """Whether a cluster of this machine listens on loopback alone, as those of `launch` and `make cluster` do."""
    return is_loopback(host) and not answers(ray.util.get_node_ip_address(), port)


def _no_cluster(address: str, why: str) -> str:
    return (
        f"no Ray cluster answers at '{address}' ({why}). Start one (`make cluster`), or unset cluster.address and "
        "RAY_ADDRESS to have one started for this run."
    )


def _reason(error: BaseException) -> str:
    return str(error).strip().split("\n")[0][:300]


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
