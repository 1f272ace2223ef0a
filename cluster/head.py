"""A Ray head on this machine that ends with the process that started it."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from .config import ClusterConfig
from .local_machine import local_machine
from .loopback import LOOPBACK, LOOPBACK_ONLY, without_proxy
from .ports import agent_ports, free_ports
from .start_limits import START_LIMITS
from .temporary import ray_folder
from .token import new_token

START_SECONDS = 240
"""Longer than Ray waits for its own parts."""
OTHER_CLUSTER = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_AUTH_TOKEN_PATH")
"""Environment variables that may refer to another cluster."""


class HeadNotStartedError(RuntimeError):
    """The head ended, or its job server did not answer in time."""


@dataclass(frozen=True)
class Head:
    """A running head: address of its dashboard and job server, address of the cluster, and the token for both."""

    address: str
    cluster: str
    token: str

    @property
    def env(self) -> dict[str, str]:
        """Environment of clients. RAY_AUTH_MODE is set, since the defaults of Ray's commands differ."""
        return {
            **{name: value for name, value in os.environ.items() if name not in OTHER_CLUSTER},
            **without_proxy(os.environ),
            **LOOPBACK_ONLY,
            **START_LIMITS,
            "RAY_TMPDIR": str(ray_folder()),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self.token,
            "RAY_USAGE_STATS_ENABLED": "0",
            # By default a terminated head lets the run continue for half a minute, possibly alongside its successor.
            "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
        }


@contextmanager
def local_head(config: ClusterConfig) -> Generator[Head]:
    """Start a head whose servers listen on loopback only, and stop it at the end.

    Raises:
        ValueError: a port is in use.
        HeadNotStartedError: the head did not start.
    """
    port = _require_free(config.port, "cluster.port")
    dashboard = _require_free(config.dashboard_port, "cluster.dashboard_port")
    head = Head(f"http://{LOOPBACK}:{dashboard}", f"{LOOPBACK}:{port}", new_token())
    process = subprocess.Popen(
        _command(port, dashboard),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        env=head.env,
    )
    try:
        _wait(process, head.address)
        yield head
    finally:
        _stop(process)


def _command(port: int, dashboard: int) -> list[str]:
    agents = agent_ports()
    (client,) = free_ports(1)
    return [
        sys.executable,
        "-m",
        "cluster.compat.ray_start",
        "start",
        "--head",
        # Stays in the foreground and takes the cluster down with it.
        "--block",
        f"--node-ip-address={LOOPBACK}",
        f"--port={port}",
        "--include-dashboard=true",
        f"--dashboard-host={LOOPBACK}",
        f"--dashboard-port={dashboard}",
        f"--dashboard-agent-grpc-port={agents['metrics_agent_port']}",
        f"--dashboard-agent-listen-port={agents['dashboard_agent_listen_port']}",
        f"--metrics-export-port={agents['metrics_export_port']}",
        f"--runtime-env-agent-port={agents['runtime_env_agent_port']}",
        f"--ray-client-server-port={client}",
        f"--num-cpus={local_machine().cpus}",
    ]


def _require_free(port: int, key: str) -> int:
    if port == 0:
        return free_ports(1)[0]
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((LOOPBACK, port))
        except OSError:
            raise ValueError(
                f"port {port} ({key}) is in use, perhaps by another Ray cluster (see `ray status`). Stop the process "
                f"that uses it, or choose another port: --set {key}={port + 1}, or --set {key}=0 for any free one."
            ) from None
    return port


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise HeadNotStartedError(
                f"the Ray head ended with status {process.returncode}; logs are in {ray_folder() / 'ray'}"
            )
        try:
            with urllib.request.urlopen(f"{address}/api/version", timeout=2):
                return
        except urllib.error.HTTPError:
            # The server is up, and refuses a request without a token.
            return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.3)
    raise HeadNotStartedError(
        f"the Ray head's job server at {address} did not answer within {START_SECONDS} s; logs are in "
        f"{ray_folder() / 'ray'}"
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=30)
    # Ray's agents, in the head's process group, would outlive it by up to a minute on a busy machine.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _die_with_parent() -> None:
    # PR_SET_PDEATHSIG: a head must not outlive a launcher that was killed and could not clean up.
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
