"""Two Ray nodes in network namespaces of this machine, with a link that can be cut."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.helpers.processes import ROOT

BIN = Path(sys.executable).parent
PORT = 6399
STARTED, START_SECONDS = "Ray runtime started", 120
SECRET = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


def ip(*words: str) -> None:
    """Run the command `ip`."""
    subprocess.run(["ip", *words], check=True)


class IsolatedNode:
    """A network namespace with one address, connected to a bridge."""

    def __init__(self, name: str, switch: str, address: str) -> None:
        self.name = name
        self.address = address
        self.plug = f"{name}-plug"
        ip("netns", "add", name)
        ip("link", "add", self.plug, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", self.plug, "master", switch)
        self._inside("addr", "add", f"{address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            self._inside("link", "set", device, "up")
        self.connect()

    def cut(self) -> None:
        """Cut the link: packets are lost without a notice."""
        ip("link", "set", self.plug, "down")

    def connect(self) -> None:
        """Restore the link."""
        ip("link", "set", self.plug, "up")

    def end(self) -> None:
        """Kill the processes of the namespace and remove it."""
        inside = subprocess.run(
            ["ip", "netns", "pids", self.name], check=True, capture_output=True, text=True
        )
        for pid in inside.stdout.split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        # Connections over a cut link keep the namespace, and the link with it, for minutes.
        ip("link", "del", self.plug)
        ip("netns", "del", self.name)

    def start(self, command: Sequence[str], env: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
        """Start a command in the namespace."""
        with log.open("ab") as output:
            return subprocess.Popen(
                ["ip", "netns", "exec", self.name, *command],
                env={
                    **os.environ,
                    **SECRET,
                    "HF_HUB_OFFLINE": "1",
                    "PYTHONPATH": str(ROOT),
                    **env,
                },
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def _inside(self, *words: str) -> None:
        ip("-n", self.name, *words)


@contextmanager
def two_machines(folder: Path, env: dict[str, str]) -> Generator[tuple[IsolatedNode, IsolatedNode]]:
    """A head and a second node, with Ray labels `machine=head` and `machine=other`; both are removed at the end."""
    mark = f"ra{os.getpid()}"
    ip("link", "add", mark, "type", "bridge")
    ip("link", "set", mark, "up")
    machines = [IsolatedNode(f"{mark}-{i}", mark, f"10.77.0.{i}") for i in (1, 2)]
    head, other = machines
    nodes = []
    try:
        for machine, label, flags in (
            (head, "head", ("--head", f"--port={PORT}", "--dashboard-host=127.0.0.1")),
            (other, "other", (f"--address={head.address}:{PORT}",)),
        ):
            log = folder / f"{label}.log"
            nodes.append(_node(machine, log, label, env, *flags))
            deadline = time.monotonic() + START_SECONDS
            while STARTED not in log.read_text():
                assert nodes[-1].poll() is None, log.read_text()[-3000:]
                assert time.monotonic() < deadline
                time.sleep(0.2)
        yield head, other
    finally:
        for machine in machines:
            machine.end()
        for node in nodes:
            node.wait()
        ip("link", "del", mark)


def _node(
    machine: IsolatedNode, log: Path, label: str, env: dict[str, str], *flags: str
) -> "subprocess.Popen[bytes]":
    command = [
        str(BIN / "ray"),
        "start",
        "--block",
        *flags,
        f"--node-ip-address={machine.address}",
        "--num-cpus=2",
        f"--labels=machine={label}",
        "--disable-usage-stats",
    ]
    return machine.start(command, env | {"PATH": f"{BIN}:{os.environ['PATH']}"}, log)
