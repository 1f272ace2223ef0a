"""Ray sessions: start or join a cluster, and clean up at the end."""

import logging
import os
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import AuthenticationError

from cluster.planning.machine import Machine, machines_from_ray

from .compat.ray import fixed_agent_ports, newest_cluster
from .config import ClusterConfig
from .credentials import JOB, hand_over, write_credentials
from .local_machine import local_machine
from .loopback import LOOPBACK, answers, is_loopback, loopback_only
from .ports import agent_ports
from .start_limits import START_LIMITS
from .temporary import ray_folder
from .token import new_token, protect_token

PORT = 6379


@contextmanager
def connect(
    config: ClusterConfig, shared: Path | None = None, worker_output: bool = False
) -> Generator[list[Machine]]:
    """Join the cluster at `config.address` or `RAY_ADDRESS`, else start one on this machine.

    Yields the machines of the cluster. A cluster that was started here is stopped at the end. `shared` is a folder that
    all machines can access; processes of a joined cluster get the user's keys and tokens from a file in it. With
    `worker_output`, this process prints what workers print.

    Raises:
        ValueError: no cluster answers at the address.
    """
    address = cluster_address(config)
    # A submitted job has a runtime_env already.
    path = write_credentials(shared.absolute()) if address and shared and JOB not in os.environ else None
    try:
        if address:
            _join(address, hand_over(path) if path else None, worker_output)
        else:
            _start(worker_output)
        yield machines_from_ray(ray.nodes())
    finally:
        ray.shutdown()
        if path:
            path.unlink(missing_ok=True)


def _start(worker_output: bool) -> None:
    # Without it Ray would create a token file in the home directory, which may not be writable.
    os.environ.setdefault("RAY_AUTH_TOKEN", new_token())
    os.environ.update({name: value for name, value in START_LIMITS.items() if name not in os.environ})
    ports = agent_ports()
    with loopback_only(), fixed_agent_ports(ports):
        # Without an address Ray would join any cluster that it finds on this machine.
        ray.init(
            address="local",
            num_cpus=local_machine().cpus,
            # Ray Train asks the dashboard whether its controller is alive, and hangs without one.
            include_dashboard=True,
            log_to_driver=worker_output,
            logging_level=logging.ERROR,
            _temp_dir=str(ray_folder() / "ray"),
            _metrics_export_port=ports["metrics_export_port"],
        )


def _join(address: str, runtime_env: dict[str, Any] | None, worker_output: bool) -> None:
    protect_token()
    address = _found(address) if address == "auto" else address
    host, port = host_and_port(address)
    if host and not answers(host, port):
        raise ValueError(_no_cluster(address, f"nothing listens at {host}:{port}"))
    with loopback_only() if _is_loopback_only(host, port) else nullcontext():
        try:
            ray.init(
                address=address,
                log_to_driver=worker_output,
                logging_level=logging.ERROR,
                runtime_env=runtime_env,
            )
        except AuthenticationError as error:
            raise ValueError(_no_cluster(address, _reason(error))) from error
        except (ConnectionError, RuntimeError) as error:
            raise ValueError(_no_cluster(address, _reason(error.__cause__ or error))) from error


def _found(address: str) -> str:
    """The address that `auto` means: of the cluster that was started last on this machine."""
    try:
        return newest_cluster()
    except ConnectionError as error:
        raise ValueError(_no_cluster(address, _reason(error))) from error


def host_and_port(address: str) -> tuple[str, int]:
    """Split a cluster's address; the host is empty for Ray's keywords such as `auto`."""
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
    """Whether a cluster on this machine listens on loopback only, like those of `launch` and `make cluster`."""
    return is_loopback(host) and not answers(ray.util.get_node_ip_address(), port)


def _no_cluster(address: str, why: str) -> str:
    return (
        f"no Ray cluster answers at '{address}' ({why}). Start one (`make cluster`), or unset cluster.address and "
        "RAY_ADDRESS to have one started for this run."
    )


def _reason(error: BaseException) -> str:
    return str(error).strip().split("\n")[0][:300]


def cluster_address(config: ClusterConfig) -> str | None:
    """Address of the cluster to join; None if a local one is to be started."""
    return config.address or os.environ.get("RAY_ADDRESS")
