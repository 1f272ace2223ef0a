"""What a verifier process does from its fork to its end: confine itself, serve, exit."""

import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import asdict
from enum import Enum
from itertools import pairwise
from typing import NoReturn

from reward.answers.conventions import compare
from reward.config import RewardConfig
from reward.programs import answer_process, referee
from reward.steps import StepPattern, check_steps
from reward.types import Check, GradeReason, Verdict

from .channel import Channel
from .confine import confine, renew_cpu_limit
from .seccomp import die_with_parent

_MAX_REQUEST_BYTES = 16 * 1024**2
_MAX_DESCRIPTORS = 1024


class Kind(Enum):
    """Work of a child: parsing texts, one after the other, or running the tests of one answer."""

    PARSER = "parser"
    CODE = "code"


OUT_OF_MEMORY = "memory"
"""Reply to a step check that took more memory than the process may have."""


def begin(serve: Callable[[], None], zygote: int) -> NoReturn:
    """Runs what a fork of the zygote is for; never returns into the process it was forked from."""
    exit_code = 1
    try:
        die_with_parent()
        if os.getppid() == zygote:
            serve()
            exit_code = 0
    finally:
        os._exit(exit_code)


def serve_texts(descriptor: int, config: RewardConfig, patterns: list[StepPattern]) -> None:
    """Compare the answers and check the steps that come over a socket."""
    _keep(descriptor)
    channel = Channel(socket.socket(fileno=descriptor), _MAX_REQUEST_BYTES)
    confine(_memory_bytes(config), may_set_limits=True)
    _serve_texts(channel, config, patterns)


def serve_answer(descriptor: int, config: RewardConfig) -> None:
    """Runs an answer as the referee at the other end of a socket asks."""
    _keep(descriptor)
    renew_cpu_limit(config.code_timeout)
    end = socket.socket(fileno=descriptor)
    confine(_memory_bytes(config), may_set_limits=False, is_answer=True)
    answer_process.serve(end)


def serve_tests(descriptor: int, answer: int, config: RewardConfig) -> None:
    """Takes an answer and its tests from one socket, referees them over the other and says the verdict.

    It says nothing if the answer's process is gone.
    """
    _keep(descriptor, answer)
    renew_cpu_limit(config.code_timeout)
    channel = Channel(socket.socket(fileno=descriptor), _MAX_REQUEST_BYTES)
    end = socket.socket(fileno=answer)
    confine(_memory_bytes(config), may_set_limits=False)
    request = json.loads(channel.receive())
    outcome = referee.serve(end, request["answer"], request["tests"])
    if outcome is None:
        # The channel closes with the process, so that whoever reads its end finds the exit code.
        os._exit(0)
    channel.send(answer_line(*outcome))


def answer_line(verdict: Verdict, reason: GradeReason | None) -> str:
    """How a child writes its answer: `equal`, or `undecided unparsable`."""
    return verdict.value if reason is None else f"{verdict.value} {reason}"


def _serve_texts(channel: Channel, config: RewardConfig, patterns: list[StepPattern]) -> None:
    while (line := _next(channel, config.idle_timeout)) is not None:
        request = json.loads(line)
        is_answer = "gold" in request
        renew_cpu_limit(config.time_limit(request["convention"]) if is_answer else config.timeout)
        reply = _compare(Check(**request), config) if is_answer else _steps(patterns=patterns, **request)
        channel.send(reply)
        if reply in (answer_line(Verdict.UNDECIDED, "memory"), OUT_OF_MEMORY):
            return  # what it holds now is not known


def _compare(check: Check, config: RewardConfig) -> str:
    try:
        return answer_line(*compare(check, config))
    except MemoryError:
        return answer_line(Verdict.UNDECIDED, "memory")


def _steps(text: str, given: str, patterns: list[StepPattern]) -> str:
    try:
        return json.dumps(asdict(check_steps(text, given, patterns)))
    except MemoryError:
        return OUT_OF_MEMORY


def _next(channel: Channel, idle_timeout: float) -> str | None:
    try:
        return channel.receive(time.monotonic() + idle_timeout)
    except (TimeoutError, EOFError, ConnectionError):
        return None


def _memory_bytes(config: RewardConfig) -> int:
    return int(config.memory_limit_gb * 1024**3)


def _keep(*descriptors: int) -> None:
    """Closes all descriptors but these and the standard ones, which lead nowhere then."""
    edges = [2, *sorted(descriptors), _MAX_DESCRIPTORS]
    for before, after in pairwise(edges):
        os.closerange(before + 1, after)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
