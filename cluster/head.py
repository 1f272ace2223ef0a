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
from .loopback import LOOPBACK, LOOPBACK_ONLY, without_proxy
from .session import local_machine
from .temporary import ray_folder
from .token import new_token

START_SECONDS = 90
OTHER_CLUSTER = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_AUTH_TOKEN_PATH")
"""Environment variables that may refer to another cluster."""


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
        RuntimeError: the head did not start.
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


def ray_command() -> str:
    """The `ray` script of this interpreter's environment."""
    return os.path.join(os.path.dirname(sys.executable), "ray")


def _command(port: int, dashboard: int) -> list[str]:
    return [
        ray_command(),
        "start",
        "--head",
        # Stays in the foreground and takes the cluster down with it.
        "--block",
        f"--node-ip-address={LOOPBACK}",
        f"--port={port}",
        "--include-dashboard=true",
        f"--dashboard-host={LOOPBACK}",
        f"--dashboard-port={dashboard}",
        f"--dashboard-agent-listen-port={_free_port()}",
        f"--ray-client-server-port={_free_port()}",
        f"--num-cpus={local_machine().cpus}",
    ]


def _require_free(port: int, key: str) -> int:
    if port == 0:
        return _free_port()
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


def _free_port() -> int:
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        return server.getsockname()[1]


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(
                f"the Ray head ended with status {process.returncode}; `ray start --head --block` shows why"
            )
        try:
            with urllib.request.urlopen(f"{address}/api/version", timeout=2):
                return
        except urllib.error.HTTPError:
            # The server is up, and refuses a request without a token.
            return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.3)
    raise RuntimeError(f"the Ray head's job server at {address} did not answer within {START_SECONDS} s")


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
