"""A `launch` in a process of its own, watched from outside with all that belongs to it."""

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
from typing import TypeVar

import psutil

ROOT = Path(__file__).parents[2]
T = TypeVar("T")
ZOMBIE = psutil.STATUS_ZOMBIE
MARK = "REWRITER_AGENT_TEST_MARK"
FREE_PORTS = ("--set", "cluster.port=0", "--set", "cluster.dashboard_port=0")


class Launch:
    """One `rewriter-agent launch`; its output goes to `log`."""

    def __init__(self, config: Path, log: Path) -> None:
        self.log = log
        self.mark = uuid.uuid4().hex
        self.known: set[psutil.Process] = set()
        offline = {"HF_HUB_OFFLINE": "1", "WANDB_MODE": "offline"}
        env = {**os.environ, **offline, "PYTHONPATH": str(ROOT), MARK: self.mark}
        env.pop("PYTHONUNBUFFERED", None)
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "rewriter_agent", "launch", str(config), *FREE_PORTS],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=env,
                # Tests that run in the background of a script inherit an ignored SIGINT.
                preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
            )

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self.log.read_text()

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Poll often; AssertionError with the last lines where the launch ends before, or takes too long."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.output[-3000:]}"
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {self.output[-3000:]}"
            time.sleep(0.02)

    def end(self, number: signal.Signals, seconds: float = 180) -> int:
        """Send the signal to the launcher and to nothing else; returns its exit status."""
        self.known = self.living()
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def wait_gone(self, seconds: float) -> list[str]:
        """Wait until nothing of the launch lives; the command lines of what does after `seconds`."""
        deadline = time.monotonic() + seconds
        while (living := self.living()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return [" ".join(_ask(process.cmdline, ["?"])) for process in living]

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
def launched(config: Path, log: Path) -> Generator[Launch]:
    """A launch of which nothing is left afterwards, also where the test fails."""
    launch = Launch(config, log)
    try:
        yield launch
    finally:
        for process in launch.living():
            process.kill()
        launch.process.wait()


def _ask(question: Callable[[], T], otherwise: T) -> T:
    """What the process answers, unless it has ended meanwhile."""
    try:
        return question()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return otherwise
