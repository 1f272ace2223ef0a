"""What a verifier child does from its fork to its end: confine itself, serve, exit."""

import json
import os
import socket
import time
from enum import Enum
from typing import NoReturn

from reward.answers.conventions import compare
from reward.answers.formats import code
from reward.config import RewardConfig
from reward.types import Check, GradeReason, Verdict

from .channel import Channel
from .confine import confine, renew_cpu_limit
from .seccomp import die_with_parent

_MAX_REQUEST_BYTES = 16 * 1024**2


class Kind(Enum):
    """What a child is for: comparing pairs, one after the other, or running one answer's tests."""

    PAIRS = "pairs"
    CODE = "code"


def run(end: socket.socket, kind: Kind, config: RewardConfig, zygote: int) -> NoReturn:
    """Serves requests that come over `end`; never returns into the process it was forked from."""
    exit_code = 1
    try:
        die_with_parent()
        if os.getppid() == zygote:
            _silence()
            memory_bytes = int(config.memory_limit_gb * 1024**3)
            if kind is Kind.CODE:
                renew_cpu_limit(config.code_timeout)
                confine(memory_bytes, may_set_limits=False)
                code.serve(end, _MAX_REQUEST_BYTES)
            else:
                confine(memory_bytes, may_set_limits=True)
                _serve_pairs(Channel(end, _MAX_REQUEST_BYTES), config)
            exit_code = 0
    finally:
        os._exit(exit_code)


def answer_line(verdict: Verdict, reason: GradeReason | None) -> str:
    """How a child writes its answer: `equal`, or `undecided unparsable`."""
    return verdict.value if reason is None else f"{verdict.value} {reason}"


def _serve_pairs(channel: Channel, config: RewardConfig) -> None:
    while (line := _next(channel, config.idle_timeout)) is not None:
        check = Check(**json.loads(line))
        renew_cpu_limit(config.timeout)
        answer = _compare(check, config)
        channel.send(answer)
        if answer == answer_line(Verdict.UNDECIDED, "memory"):
            return  # what it holds now is not known


def _compare(check: Check, config: RewardConfig) -> str:
    try:
        return answer_line(*compare(check, config))
    except MemoryError:
        return answer_line(Verdict.UNDECIDED, "memory")


def _next(channel: Channel, idle_timeout: float) -> str | None:
    try:
        return channel.receive(time.monotonic() + idle_timeout)
    except (TimeoutError, EOFError, ConnectionError):
        return None


def _silence() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
