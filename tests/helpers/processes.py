"""A run in its own process, observed from outside with all its child processes."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import psutil

ROOT = Path(__file__).parents[2]
T = TypeVar("T")
Command = Literal["launch", "run"]
"""`launch` starts a head and submits the run as a job; `run` starts a cluster in its own process."""
ZOMBIE = psutil.STATUS_ZOMBIE
MARK = "REWRITER_AGENT_TEST_MARK"
FREE_PORTS = ("--set", "cluster.port=0", "--set", "cluster.dashboard_port=0")


class Launch:
    """One `rewriter-agent launch`, or `run`; its output goes to `log`."""

    def __init__(self, config: Path, log: Path, command: Command = "launch") -> None:
        self.log = log
        self.mark = uuid.uuid4().hex
        self.known: set[psutil.Process] = set()
        offline = {"HF_HUB_OFFLINE": "1", "WANDB_MODE": "offline"}
        env = {**os.environ, **offline, "PYTHONPATH": str(ROOT), MARK: self.mark}
        env.pop("PYTHONUNBUFFERED", None)
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "rewriter_agent", command, str(config), *FREE_PORTS],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=env,
                # Tests that run in the background of a script inherit an ignored SIGINT.
                preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
            )

    @property
    def output(self) -> str:
        """Output so far."""
        return self.log.read_text()

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Poll often; raise AssertionError with the last lines if the launch ends first, or takes too long."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.output[-3000:]}"
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {self.output[-3000:]}"
            time.sleep(0.02)

    def end(self, number: signal.Signals, seconds: float = 180) -> int:
        """Send the signal to the launcher only; returns its exit status."""
        self.known = self.living()
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def wait_gone(self, seconds: float, except_for: tuple[str, ...] = ()) -> list[str]:
        """Wait until no process of the launch lives; returns the command lines of survivors after `seconds`.

        Command lines that begin with one of `except_for` may remain.
        """
        deadline = time.monotonic() + seconds
        while (left := self._command_lines(except_for)) and time.monotonic() < deadline:
            time.sleep(0.2)
        return left

    def _command_lines(self, except_for: tuple[str, ...]) -> list[str]:
        lines = [" ".join(_ask(process.cmdline, ["?"])) for process in self.living()]
        return [line for line in lines if not line.startswith(except_for)]

    def living(self) -> set[psutil.Process]:
        """Living processes: the launcher's descendants, those seen before, and all that carry its mark.

        Ray's processes outlive their parents, and some overwrite their environment with their title.
        """
        found = {p for p in psutil.process_iter() if _ask(p.environ, {}).get(MARK) == self.mark}
        for process in list(found):
            found.update(_ask(partial(process.children, recursive=True), []))
        known = found | self.known
        return {p for p in known if p.is_running() and _ask(p.status, ZOMBIE) != ZOMBIE}


@contextmanager
def launched(config: Path, log: Path, command: Command = "launch") -> Generator[Launch]:
    """A launch whose processes are all killed at the end, even if the test fails."""
    launch = Launch(config, log, command)
    try:
        yield launch
    finally:
        for process in launch.living():
            process.kill()
        launch.process.wait()


def _ask(question: Callable[[], T], otherwise: T) -> T:
    """Ask a process, or return `otherwise` if it has ended."""
    try:
        return question()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return otherwise
