"""The process that verifier children are forked from: `python -m reward.sandbox.forkserver DESCRIPTOR FOLDER`.

It has one thread, has imported and warmed what a comparison needs, and never touches an answer itself: a child
costs a fork, and a child that was killed costs nothing more. Commands come one a line over the socket
DESCRIPTOR, the first being the RewardConfig as JSON, and each gets one line in reply:

    spawn KIND  (with a socket attached)  ->  SERIAL PID
    end SERIAL                            ->  exit code as `subprocess` has it, once the child is gone
    pids                                  ->  process ids of the children that live

A child that runs a program is two processes, a referee and the answer's: PID is the referee's, and the exit code is
the answer's if the referee has ended by itself. FOLDER is empty and becomes the working folder. Serial numbers are
used because the system may give a process id again. The zygote ends when its parent's end of the socket closes or
its parent dies, and takes the children with it.
"""

import asyncio  # noqa: F401 (copies code objects when imported, which an answer may not)
import gc
import logging
import os
import select
import shutil
import signal
import socket
import sys
from collections.abc import Callable

from reward.answers.conventions import compare
from reward.config import RewardConfig
from reward.steps import ENGLISH, StepPattern, check_steps, parse_patterns
from reward.types import Check

from . import worker
from .channel import Channel
from .confine import prepare
from .worker import Kind

_MAX_CONFIG_BYTES = 16 * 1024**2
_REAP_SECONDS = 1.0
_WARM_UP = (
    (r"\sqrt{8} + x^{2}", r"2\sqrt{2} + x \cdot x"),
    (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}"),
    (r"\sin(2x) + \frac{1}{x}", r"\frac{1}{x} + 2\sin(x)\cos(x)"),
    (r"\log_2(x^2) + e^{i\pi}", r"2\log_2(x) - 1"),
    (r"\int_0^1 x^2 dx", r"\frac{\pi}{3\pi}"),
    (r"[1, \sqrt{x^2})", r"[1, |x|)"),
    (r"\{\sqrt{x}, 1\}", r"\{1, x^{1/2}\}"),
    (r"y = \sin(2x)", r"2y = 4\sin(x)\cos(x)"),
    (r"\begin{pmatrix} \sqrt{x} \\ 1 \end{pmatrix}", r"\begin{pmatrix} x^{0.5} \\ 1 \end{pmatrix}"),
)
_STEPS = r"Half of 48 is 24, so 48 + 24 = 72 and $\frac{72}{4} \times \sqrt{9} = 54$; 5! > 100, about 10% of 1,200."


class Zygote:
    """Serves its parent's commands until the parent is gone."""

    def __init__(self, control: socket.socket, config: RewardConfig, patterns: list[StepPattern]) -> None:
        self._control = control
        self._config = config
        self._patterns = patterns
        self._parent = os.getppid()
        self._serial = 0
        self._children: dict[int, tuple[int, ...]] = {}
        self._exit_codes: dict[int, int] = {}

    def serve(self) -> None:
        """Returns when the parent has closed its end or died; no child lives then."""
        while os.getppid() == self._parent:
            readable, _, _ = select.select([self._control], [], [], _REAP_SECONDS)
            self._reap()
            if readable:
                # One command at a time is under way, so this is all of it and nothing of the next.
                line, descriptors, _, _ = socket.recv_fds(self._control, 4096, 1)
                if not line:
                    break
                reply = self._reply(line.decode().split(), descriptors)
                try:
                    self._control.sendall(reply.encode() + b"\n")
                except ConnectionError:  # the parent did not wait for it
                    break
        for serial in list(self._children):
            self._end(serial)

    def _reply(self, command: list[str], descriptors: list[int]) -> str:
        match command:
            case ["spawn", kind]:
                return self._spawn(Kind(kind), descriptors[0])
            case ["end", serial]:
                return str(self._end(int(serial)))
            case _:
                assert command == ["pids"]
                return " ".join(
                    str(pid) for pids in self._children.values() for pid in pids if self._lives(pid)
                )

    def _spawn(self, kind: Kind, descriptor: int) -> str:
        if kind is Kind.PARSER:
            pids = (self._fork(lambda: worker.serve_texts(descriptor, self._config, self._patterns)),)
        else:
            referee, answer = socket.socketpair()
            with referee, answer:
                # First, so that it has never had the descriptor by which the verdict goes out.
                answer_pid = self._fork(lambda: worker.serve_answer(answer.detach(), self._config))
                pids = (
                    self._fork(lambda: worker.serve_tests(descriptor, referee.detach(), self._config)),
                    answer_pid,
                )
        os.close(descriptor)
        self._serial += 1
        self._children[self._serial] = pids
        return f"{self._serial} {pids[0]}"

    def _fork(self, serve: Callable[[], None]) -> int:
        zygote = os.getpid()
        pid = os.fork()
        if pid == 0:
            worker.begin(serve, zygote)
        return pid

    def _end(self, serial: int) -> int:
        codes = [self._wait(pid) for pid in self._children.pop(serial)]
        return codes[0] or codes[-1]

    def _wait(self, pid: int) -> int:
        if pid not in self._exit_codes:
            os.kill(pid, signal.SIGKILL)
            self._exit_codes[pid] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return self._exit_codes.pop(pid)

    def _lives(self, pid: int) -> bool:
        """Whether a child process has not ended; takes note of its exit code if it has."""
        if pid not in self._exit_codes:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                self._exit_codes[pid] = os.waitstatus_to_exitcode(status)
        return pid not in self._exit_codes

    def _reap(self) -> None:
        for pids in self._children.values():
            for pid in pids:
                self._lives(pid)


def main() -> None:
    """Reads the configuration, warms up, says `ready`, and serves."""
    # math-verify warns that its own time limits are off, as they must be here.
    logging.disable(logging.WARNING)
    control = socket.socket(fileno=int(sys.argv[1]))
    config = RewardConfig.model_validate_json(Channel(control, _MAX_CONFIG_BYTES).receive())
    # Fills the parser's tables and imports what loads late, so that no pair pays for it.
    # Without the user's schema, which may be of any kind.
    plain = config.model_copy(update={"json_schema": None})
    for gold, answer in _WARM_UP:
        compare(Check(gold, answer, "boxed"), plain)
    compare(Check('{"a": 1}', '{"a": 1.0}', "json"), plain)
    patterns = [*ENGLISH, *parse_patterns(config.step_patterns, "reward.step_patterns")]
    check_steps(_STEPS, "", patterns)
    prepare()
    # Children share the present memory; a collection in one of them would copy it.
    gc.collect()
    gc.freeze()
    folder = sys.argv[2]
    os.chdir(folder)
    control.sendall(b"ready\n")
    try:
        Zygote(control, config, patterns).serve()
    finally:
        # The parent does so too, unless it was killed.
        os.chdir("/")
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
