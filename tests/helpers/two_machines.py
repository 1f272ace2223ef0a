"""Two machines on one: network namespaces joined by a cable that can be pulled, a Ray node in each."""

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
    """The command `ip`."""
    subprocess.run(["ip", *words], check=True)


class Machine:
    """A network namespace with one address, plugged into a switch."""

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
        """Pull the cable out: what is sent is lost, and nobody is told."""
        ip("link", "set", self.plug, "down")

    def connect(self) -> None:
        """Put it in."""
        ip("link", "set", self.plug, "up")

    def end(self) -> None:
        """Kill all that runs here, and take it away."""
        inside = subprocess.run(
            ["ip", "netns", "pids", self.name], check=True, capture_output=True, text=True
        )
        for pid in inside.stdout.split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        # Connections that were cut keep the namespace, and with it the cable, for minutes.
        ip("link", "del", self.plug)
        ip("netns", "del", self.name)

    def start(self, command: Sequence[str], env: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
        """Run it here."""
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
def two_machines(folder: Path, env: dict[str, str]) -> Generator[tuple[Machine, Machine]]:
    """Head and another, Ray on both, in this environment; their label `machine` is `head` and `other`. It all ends."""
    mark = f"ra{os.getpid()}"
    ip("link", "add", mark, "type", "bridge")
    ip("link", "set", mark, "up")
    machines = [Machine(f"{mark}-{i}", mark, f"10.77.0.{i}") for i in (1, 2)]
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
    machine: Machine, log: Path, label: str, env: dict[str, str], *flags: str
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
