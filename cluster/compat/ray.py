"""Private parts of Ray."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

from .version import check_version

VERSION = "2.60"


def check_ray() -> None:
    """Check Ray's version.

    Raises:
        ImportError: this module was written for another one.
    """
    import ray

    check_version("ray", ray.__version__, VERSION)


@contextmanager
def one_machine_only() -> Generator[None]:
    """Have `ray.init` assume inside the block that clusters of several machines are unsupported, as on macOS.

    Ray's servers then listen on loopback only. Ray reads the environment variable for it
    (https://github.com/ray-project/ray/issues/30770) only once, on import, and has no other setting.
    """
    from ray._private import ray_constants

    check_ray()
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def fixed_agent_ports(ports: Mapping[str, int]) -> Generator[None]:
    """Have `ray.init` start a node with these ports of its agents inside the block, as `ray start` can.

    Of the ports that `cluster.ports.agent_ports` names, `ray.init` has an argument for `metrics_export_port` only.
    """
    from ray._private import parameter

    check_ray()
    params = partial(parameter.RayParams, **ports)
    with patch.object(parameter, "RayParams", params), agent_port_told(ports["dashboard_agent_listen_port"]):
        yield


@contextmanager
def agent_port_told(port: int) -> Generator[None]:
    """Have nodes that start inside the block know the port of their dashboard agent.

    Ray gives it to the agent and not to the node, which then waits 15 s for the agent to report it, and aborts if the
    agent starts more slowly (https://github.com/ray-project/ray/issues/65983). The node has an option for it.
    """
    from ray._private import ray_constants, services

    check_ray()
    start = services.start_ray_process

    def start_told(command: list[str], process_type: str, *args: Any, **kwargs: Any) -> Any:
        is_node = process_type == ray_constants.PROCESS_TYPE_RAYLET
        told = [f"--dashboard_agent_listen_port={port}"] if is_node else []
        return start([*command, *told], process_type, *args, **kwargs)

    with patch.object(services, "start_ray_process", start_told):
        yield


def newest_cluster() -> str:
    """Address that `auto` means to `ray.init`: of the cluster that was started last on this machine.

    Known in advance, it can be checked before `ray.init` tries to join, and named if nothing answers.

    Raises:
        ConnectionError: there is no cluster.
    """
    from ray._private.services import get_ray_address_from_environment

    check_ray()
    return get_ray_address_from_environment("auto", None)
