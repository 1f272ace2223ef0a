"""Ports for Ray's servers on this machine."""

import random
import socket
from itertools import islice

from .loopback import LOOPBACK

QUIET = range(20_000, 32_768)
"""Ports that neither Ray's workers (10,002 to 19,999) nor, by default, the system's connections (from 32,768) take."""


def free_ports(count: int) -> list[int]:
    """Choose different ports on which nothing listens, and which are unlikely to be taken before a server starts."""
    order = random.SystemRandom().sample(QUIET, len(QUIET))
    found = list(islice(filter(_is_free, order), count))
    assert len(found) == count, "thousands of ports are taken"
    return found


def agent_ports() -> dict[str, int]:
    """Choose the ports of a node's agents, by the names that Ray has for them.

    A node whose agents choose their own ports waits 15 s for each to report it, and then aborts. No option changes this
    (https://github.com/ray-project/ray/issues/65983), and on a busy machine the agents start more slowly.
    """
    names = (
        "metrics_agent_port",
        "metrics_export_port",
        "runtime_env_agent_port",
        "dashboard_agent_listen_port",
    )
    return dict(zip(names, free_ports(len(names)), strict=True))


def _is_free(port: int) -> bool:
    with socket.socket() as server:
        try:
            server.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
