"""The zygote as its parent sees it: starts it, has it fork children and end them."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path

from reward.config import RewardConfig

from .channel import Channel
from .worker import Kind

STARTUP_SECONDS = 120.0
_REPLY_SECONDS = 60.0
_END_SECONDS = 10.0
_MAX_LINE = 65536
_PACKAGE_ROOT = str(Path(__file__).resolve().parent.parent.parent)
# Whatever else the environment holds, keys and tokens too, is no business of a process near hostile text.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "LANG", "LC_ALL", "TMPDIR")


class NurseryDied(RuntimeError):
    """The zygote did not start or is gone, and so are all children of it."""


class Nursery:
    """One running zygote; any thread may use it. It takes a second or two to start."""

    def __init__(self, config: RewardConfig) -> None:
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair()
        self._channel = Channel(self._socket, _MAX_LINE)
        folder = tempfile.mkdtemp(prefix="verifier-")
        with theirs:
            self._process = self._start(theirs.fileno(), folder)
        # Also when it is collected or the interpreter ends.
        self.close = weakref.finalize(self, _close, self._socket, self._process, folder, os.getpid())
        """Ends the zygote and its children and waits until it is gone; in a fork of this process, does nothing."""
        try:
            self._channel.send(config.model_dump_json(), time.monotonic() + STARTUP_SECONDS)
            assert self._channel.receive(time.monotonic() + STARTUP_SECONDS) == "ready"
        except (TimeoutError, EOFError, ConnectionError) as error:
            self._process.kill()
            self.close()
            raise NurseryDied(
                f"the answer verifier (python -m reward.sandbox.forkserver) was not ready in {STARTUP_SECONDS:.0f} s: "
                f"{type(error).__name__}, exit code {self._process.returncode}. Its standard error says why; "
                "check that math-verify is installed."
            ) from error

    def spawn(self, kind: Kind) -> tuple[int, int, socket.socket]:
        """Serial number and process id of a new child, and the socket to it.

        Raises:
            NurseryDied: the zygote is gone.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                serial, pid = self._request(f"spawn {kind.value}", theirs).split()
        except NurseryDied:
            ours.close()
            raise
        return int(serial), int(pid), ours

    def end(self, serial: int) -> int:
        """Kills a child, unless it has ended, and gives its exit code once it is gone (minus the signal's number).

        Raises:
            NurseryDied: the zygote is gone.
        """
        return int(self._request(f"end {serial}"))

    def pids(self) -> list[int]:
        """Process ids of the children that live.

        Raises:
            NurseryDied: the zygote is gone.
        """
        return [int(pid) for pid in self._request("pids").split()]

    def _request(self, command: str, end: socket.socket | None = None) -> str:
        with self._lock:
            try:
                self._socket.settimeout(_REPLY_SECONDS)
                descriptors = [] if end is None else [end.fileno()]
                socket.send_fds(self._socket, [command.encode() + b"\n"], descriptors)
                return self._channel.receive(time.monotonic() + _REPLY_SECONDS)
            except (OSError, EOFError) as error:
                # A reply that is late must not be taken for that to a later command.
                self._socket.close()
                raise NurseryDied(
                    "the process that answer verifiers are forked from (python -m reward.sandbox.forkserver) is gone; "
                    "was it killed, or is memory short?"
                ) from error

    @staticmethod
    def _start(descriptor: int, folder: str) -> subprocess.Popen[bytes]:
        # The zygote imports from where its parent does, whatever put this package on the path; -P keeps the
        # current folder from shadowing anything, -B because the children may not write files.
        path = os.pathsep.join([*filter(None, sys.path), _PACKAGE_ROOT])
        kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        return subprocess.Popen(
            [sys.executable, "-P", "-B", "-m", "reward.sandbox.forkserver", str(descriptor), folder],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(descriptor,),
            env=kept | {"PYTHONPATH": path, "PYTHONHASHSEED": "0"},
            # An interrupt from the terminal is for the parent, which ends the zygote when it ends.
            start_new_session=True,
        )


def _close(end: socket.socket, process: subprocess.Popen[bytes], folder: str, owner: int) -> None:
    if os.getpid() != owner:
        end.close()
        return
    # Closing alone would not tell the zygote while a fork of this process has the socket too.
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    shutil.rmtree(folder, ignore_errors=True)
