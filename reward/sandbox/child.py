"""One verifier child, seen from its parent's side."""

import json
import time
from contextlib import suppress
from typing import get_args

from reward.config import RewardConfig
from reward.types import Check, GradeReason, Verdict

from .channel import Channel
from .forkserver_client import Nursery, NurseryDied
from .worker import Kind, answer_line

MAX_SERVED = 2000
"""Pairs after which a child is replaced, because the caches of its parser grow."""

_MAX_LINE = 4096
_Answer = tuple[Verdict, GradeReason | None]
_REASONS: tuple[GradeReason | None, ...] = (None, *get_args(GradeReason))
_ANSWERS: dict[str, _Answer] = {
    answer_line(verdict, reason): (verdict, reason) for verdict in Verdict for reason in _REASONS
}


class ChildDied(Exception):
    """The child ended without an answer."""


class ChildGone(ChildDied):
    """The child had ended before it read the request."""


class Child:
    """Forked by a nursery on construction; one thread at a time may use it.

    `spent` says that it must not be asked again: it timed out, died, ran out of memory or served its term.
    """

    def __init__(self, nursery: Nursery, kind: Kind, config: RewardConfig) -> None:
        self._nursery = nursery
        self._config = config
        self._serial, self.pid, end = nursery.spawn(kind)
        self._channel = Channel(end, _MAX_LINE)
        self.kind = kind
        self.served = 0
        self.spent = False
        self._has_ended = False
        self._exit_code: int | None = None

    def ask(self, check: Check) -> _Answer:
        """The child's answer, within `timeout` seconds (`code_timeout` for code).

        Raises:
            TimeoutError: none came in time.
            ChildDied: the child ended before it gave one (ChildGone: before it knew the question).
        """
        self.spent = True
        try:
            answer = self._ask_code(check) if self.kind is Kind.CODE else self._ask_pair(check)
        except EOFError as error:
            raise ChildDied from error
        except ConnectionError as error:
            raise ChildGone from error
        self.served += 1
        self.spent = self.kind is Kind.CODE or answer[1] == "memory" or self.served >= MAX_SERVED
        return answer

    def end(self) -> int | None:
        """Kills the child if it lives; its exit code, or None where its nursery is gone and so it is too."""
        if not self._has_ended:
            self._has_ended = True
            self._channel.close()
            # With its nursery gone the child is gone too.
            with suppress(NurseryDied):
                self._exit_code = self._nursery.end(self._serial)
        return self._exit_code

    def _ask_pair(self, check: Check) -> _Answer:
        deadline = time.monotonic() + self._config.timeout
        self._channel.send(json.dumps(vars(check)), deadline)
        return _ANSWERS[self._channel.receive(deadline)]

    def _ask_code(self, check: Check) -> _Answer:
        deadline = time.monotonic() + self._config.code_timeout
        self._channel.send(json.dumps({"answer": check.answer, "tests": check.gold}), deadline)
        return _ANSWERS[self._channel.receive(deadline)]
