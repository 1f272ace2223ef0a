"""One killable verifier process, seen from its parent."""

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from reward.types import Verdict

READY = "ready"
"""What the process writes once it can take pairs."""

STARTUP_SECONDS = 120.0
_PACKAGE_ROOT = str(Path(__file__).resolve().parent.parent)


class ChildTimeout(Exception):
    """The process did not answer in time; it has been killed."""


class ChildDied(Exception):
    """The process ended without an answer, as it does at its memory limit."""


class Child:
    """Starts on first use, and again after every timeout or death. One thread at a time may use it."""

    def __init__(self, timeout: float, memory_limit_gb: float) -> None:
        self._timeout = timeout
        self._memory_bytes = int(memory_limit_gb * 1024**3)
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, gold: str, answer: str) -> Verdict:
        """The child's verdict on a pair.

        Raises:
            ChildTimeout: none came within `timeout` seconds.
            ChildDied: the child ended before it gave one.
            RuntimeError: the child could not be started.
        """
        process = self._running()
        request = json.dumps([gold, answer]) + "\n"
        try:
            _stdin(process).write(request.encode())
            return Verdict(_read_line(process, self._timeout))
        except BrokenPipeError as error:
            self.kill()
            raise ChildDied from error
        except (ChildTimeout, ChildDied):
            self.kill()
            raise

    def kill(self) -> None:
        """Ends the process, if there is one, and waits until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.kill()
        if self._process is None:
            self._process = self._start()
        return self._process

    def _start(self) -> subprocess.Popen[bytes]:
        # The child imports from where its parent does, whatever put this package on the path; -P keeps the
        # current folder from shadowing anything, -B because the child may not write files.
        path = os.pathsep.join([*filter(None, sys.path), _PACKAGE_ROOT])
        limits = [str(self._memory_bytes), str(self._timeout)]
        process = subprocess.Popen(
            [sys.executable, "-P", "-B", "-m", "reward.worker", *limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": "0"},
            # An interrupt from the terminal is for the parent, which then closes the child's input.
            start_new_session=True,
        )
        try:
            assert _read_line(process, STARTUP_SECONDS) == READY
        except (ChildTimeout, ChildDied) as error:
            process.kill()
            process.communicate()
            raise RuntimeError(
                f"the answer verifier (python -m reward.worker) was not ready in {STARTUP_SECONDS:.0f} s: "
                f"{type(error).__name__}, exit code {process.returncode}. Its standard error says why; check "
                "that math-verify is installed and memory_limit_gb is not too small."
            ) from error
        return process


def _stdin(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdin is not None
    return process.stdin


def _read_line(process: subprocess.Popen[bytes], timeout: float) -> str:
    assert process.stdout is not None
    descriptor, line = process.stdout.fileno(), b""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    deadline = time.monotonic() + timeout
    while not line.endswith(b"\n"):
        if not poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise ChildTimeout
        part = os.read(descriptor, 4096)
        if not part:
            raise ChildDied
        line += part
    return line.decode().strip()
