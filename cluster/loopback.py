"""Ray on this machine's loopback interface, which other machines cannot reach."""

import ipaddress
import os
import socket
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from .compat.ray import one_machine_only

LOOPBACK = "127.0.0.1"
SPARED = (LOOPBACK, "localhost", "::1")
LOOPBACK_ONLY = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Environment in which all servers of Ray listen on loopback only.

By default they do so only on Windows and macOS, on which Ray supports no clusters of several machines.
"""
REACH_SECONDS = 10.0


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address belongs to the loopback interface."""
    if host is None or host == "localhost":
        return host is not None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """Environment variables that exclude the servers of this machine from proxies."""
    values = [value for name in ("no_proxy", "NO_PROXY") if (value := environment.get(name))]
    hosts = [host.strip() for value in values for host in value.split(",")]
    # A star is valid only as the whole value.
    excluded = "*" if "*" in hosts else ",".join(dict.fromkeys([*filter(None, hosts), *SPARED]))
    # Some clients read the one, some the other.
    return {"no_proxy": excluded, "NO_PROXY": excluded}


def answers(host: str, port: int) -> bool:
    """Whether a server accepts connections at the address."""
    try:
        with socket.create_connection((host, port), timeout=REACH_SECONDS):
            return True
    except OSError:
        return False


@contextmanager
def loopback_only() -> Generator[None]:
    """Make Ray start and join clusters by the loopback address inside the block."""
    before = os.environ.copy()
    os.environ.update(LOOPBACK_ONLY)
    try:
        with one_machine_only():
            yield
    finally:
        for name in LOOPBACK_ONLY:
            if name not in before:
                del os.environ[name]
