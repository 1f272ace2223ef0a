"""The local Ray head: its ports, that it answers, and that it never outlives its launcher."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from cluster.compat.ray import fixed_agent_ports
from cluster.config import ClusterConfig
from cluster.head import LOOPBACK, Head, HeadNotStartedError, _command, local_head
from cluster.ports import QUIET, agent_ports, free_ports
from rewriter_agent.commands.launch import run_here

ROOT = Path(__file__).parents[2]

FREE_PORTS = ClusterConfig(port=0, dashboard_port=0)
MARK = "CLUSTER_TEST_HEAD"
GONE_SECONDS = 40


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Value of a variable that all processes of the head inherit, to find leftover ones."""
    value = uuid.uuid4().hex
    monkeypatch.setenv(MARK, value)
    yield value
    # A failed test must not leave processes to the next one.
    for process in marked(value):
        process.kill()


def marked(value: str) -> list[psutil.Process]:
    """Living processes with the mark, except this one."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            alive = process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE
            if alive and process.environ().get(MARK) == value:
                found.append(process)
    return found


def left_after(value: str, seconds: float) -> list[str]:
    """Processes that are still running after the timeout; none if all have ended."""
    deadline = time.monotonic() + seconds
    while marked(value) and time.monotonic() < deadline:
        time.sleep(0.3)
    return [" ".join(process.cmdline()) for process in marked(value)]


def status(url: str, token: str | None) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def listening(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((LOOPBACK, port)) == 0


def closed_within(port: int, seconds: float) -> bool:
    """Whether nothing listens on the port any more, or stops doing so before the timeout."""
    # The kernel takes a dying process's environment, and with it the mark, before its sockets.
    deadline = time.monotonic() + seconds
    while listening(port) and time.monotonic() < deadline:
        time.sleep(0.3)
    return not listening(port)


@pytest.mark.parametrize("key", ["port", "dashboard_port"])
def test_a_port_in_use_is_named_with_its_key(taken_port: int, key: str) -> None:
    config = FREE_PORTS.model_copy(update={key: taken_port})
    with (
        pytest.raises(ValueError, match=rf"port {taken_port} \(cluster\.{key}\) is in use") as error,
        local_head(config),
    ):
        pytest.fail("the head started")
    assert f"--set cluster.{key}=0" in str(error.value)


def test_clients_of_a_head_carry_its_token() -> None:
    env = Head("http://127.0.0.1:1", "127.0.0.1:2", "secret").env
    assert (env["RAY_AUTH_MODE"], env["RAY_AUTH_TOKEN"]) == ("token", "secret")
    assert env["PATH"] == os.environ["PATH"]


@pytest.mark.slow
def test_a_head_requires_its_token_and_leaves_no_process(mark: str) -> None:
    with local_head(FREE_PORTS) as head:
        assert status(f"{head.address}/api/version", head.token) == 200
        assert status(f"{head.address}/api/jobs/", head.token) == 200
        assert status(f"{head.address}/api/jobs/", None) in (401, 403)
        assert status(f"{head.address}/api/jobs/", "f" * 32) in (401, 403)
        port = int(head.address.rsplit(":", 1)[1])
        assert listening(port)
        assert marked(mark)
    assert left_after(mark, GONE_SECONDS) == []
    assert closed_within(port, GONE_SECONDS)


LAUNCHER = """
import time
from cluster.config import ClusterConfig
from cluster.head import local_head
with local_head(ClusterConfig(port=0, dashboard_port=0)) as head:
    print(head.address, flush=True)
    time.sleep(300)
"""


@pytest.mark.slow
def test_a_head_ends_when_its_launcher_is_killed(mark: str) -> None:
    launcher = subprocess.Popen([sys.executable, "-c", LAUNCHER], stdout=subprocess.PIPE, text=True)
    assert launcher.stdout is not None
    address = launcher.stdout.readline().strip()
    assert address.startswith(f"http://{LOOPBACK}:")
    assert len(marked(mark)) > 1
    launcher.send_signal(signal.SIGKILL)
    assert launcher.wait(10) == -signal.SIGKILL
    launcher.stdout.close()
    assert left_after(mark, GONE_SECONDS) == []
    assert closed_within(int(address.rsplit(":", 1)[1]), GONE_SECONDS)


def test_a_head_that_ends_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.head._command", lambda *_: ["/bin/false"])
    with (
        pytest.raises(HeadNotStartedError, match="ended with status 1; logs are in /"),
        local_head(FREE_PORTS),
    ):
        pass


def test_a_head_is_given_all_ports_that_its_node_would_wait_for() -> None:
    command = _command(1, 2)
    names = ("dashboard-agent-grpc", "dashboard-agent-listen", "metrics-export", "runtime-env-agent")
    ports = [int(part.partition("=")[2]) for name in names for part in command if f"--{name}-port=" in part]
    assert len(set(ports)) == len(names)
    assert all(port in QUIET for port in ports)


def test_a_node_started_in_this_process_is_given_them_too() -> None:
    from ray._private import parameter

    before = parameter.RayParams
    ports = agent_ports()
    with fixed_agent_ports(ports):
        assert vars(parameter.RayParams()).items() >= ports.items()
    assert parameter.RayParams is before


SLOW_AGENT = """
import sys, time
if "agent.py" in " ".join(sys.argv) and "--listen-port" in " ".join(sys.argv):
    time.sleep(20)
"""


@pytest.mark.slow
@pytest.mark.long
def test_a_head_whose_agent_starts_slowly_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A node that does not know the port waits 15 s for its agent, and then aborts.
    (tmp_path / "sitecustomize.py").write_text(SLOW_AGENT)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    with local_head(FREE_PORTS) as head:
        assert run_here(head, [sys.executable, "-c", "import ray; ray.init()"]) == 0


def test_a_free_port_is_one_on_which_nothing_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    (taken,) = free_ports(1)
    with socket.socket() as server:
        server.bind((LOOPBACK, taken))
        server.listen()
        monkeypatch.setattr("cluster.ports.QUIET", range(taken, taken + 100))
        assert all(taken not in free_ports(50) for _ in range(20))
