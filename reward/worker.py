"""The verifier's child process: reads pairs of answers, writes verdicts, one line each.

Run as `python -m reward.worker MEMORY_BYTES TIMEOUT_SECONDS` by `reward.sandbox`. It ends when its input
does, which is when its parent dies. An exception ends it too; the parent takes that as undecided.
"""

import json
import logging
import math
import os
import resource
import sys
from typing import TextIO

from reward.child import READY

_DENIED_EVENTS = frozenset(
    {"os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.system", "subprocess.Popen", "socket.__new__"}
)


def confine(memory_bytes: int) -> None:
    """Takes from this process, for good, more memory than given, new processes, sockets, files to write."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    # The superuser is exempt from RLIMIT_NPROC, and containers often run as superuser.
    sys.addaudithook(_deny)


def _deny(event: str, _arguments: tuple[object, ...]) -> None:
    if event in _DENIED_EVENTS:
        raise PermissionError(f"{event} is not allowed in the verifier")


def _renew_cpu_limit(timeout: float) -> None:
    """Lets this process live one more pair, should its parent die and no longer watch the clock."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(usage.ru_utime + usage.ru_stime + timeout) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _private_output() -> TextIO:
    """A stream on the parent's pipe; standard output and error go nowhere from here on."""
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return pipe


def main() -> None:
    """Serves pairs until standard input ends."""
    from reward.equivalence import compare

    # math-verify warns that its own time limits are off, as they must be here.
    logging.disable(logging.WARNING)
    memory_bytes, timeout = int(sys.argv[1]), float(sys.argv[2])
    # Fills the parser's tables and imports what loads late, so that no pair pays for it.
    compare(r"\sqrt{8} + x^{2}", r"2\sqrt{2} + x \cdot x")
    output = _private_output()
    confine(memory_bytes)
    print(READY, file=output, flush=True)
    for line in sys.stdin:
        gold, answer = json.loads(line)
        _renew_cpu_limit(timeout)
        print(compare(gold, answer).value, file=output, flush=True)


if __name__ == "__main__":
    main()
