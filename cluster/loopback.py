"""Ray on this machine's loopback interface, which other machines cannot reach."""

import ipaddress
import os
import socket
from collections.abc import Generator, Mapping
from contextlib import contextmanager

LOOPBACK = "127.0.0.1"
SPARED = (LOOPBACK, "localhost", "::1")
LOOPBACK_ONLY = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Environment in which all servers of Ray listen on loopback alone. By default they do so only on the systems that the
variable names, as no other machine can join a cluster there."""
REACH_SECONDS = 10.0


def is_loopback(host: str | None) -> bool:
    """Whether a host's name or address is of this machine's loopback interface."""
    if host is None or host == "localhost":
        return host is not None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables by which no client uses a proxy for this machine's own servers."""
    found = [value for name in ("no_proxy", "NO_PROXY") if (value := environment.get(name))]
    hosts = [host.strip() for value in found for host in value.split(",")]
    # A star counts only if it is all that there is.
    spared = "*" if "*" in hosts else ",".join(dict.fromkeys([*filter(None, hosts), *SPARED]))
    # Clients differ in which of the two they read.
    return {"no_proxy": spared, "NO_PROXY": spared}


def answers(host: str, port: int) -> bool:
    """Whether a server accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=REACH_SECONDS):
            return True
    except OSError:
        return False


@contextmanager
def loopback_only() -> Generator[None]:
    """Within, Ray starts and joins clusters by this machine's loopback address."""
    from ray._private import ray_constants

    before = os.environ.copy(), ray_constants.ENABLE_RAY_CLUSTER
    os.environ.update(LOOPBACK_ONLY)
    # Ray reads its variable once, when it is imported.
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before[1]
        for name in LOOPBACK_ONLY:
            if name not in before[0]:
                del os.environ[name]
