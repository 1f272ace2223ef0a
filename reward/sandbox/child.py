"""One verifier child, seen from its parent's side."""

import json
import time
from contextlib import suppress
from typing import get_args

from reward.config import RewardConfig
from reward.steps import FalseStep, StepReport
from reward.types import Check, GradeReason, Verdict

from .channel import Channel
from .forkserver_client import Nursery, NurseryDied
from .worker import OUT_OF_MEMORY, Kind, answer_line

MAX_SERVED = 2000
"""Pairs after which a child is replaced, because the caches of its parser grow."""

_MAX_LINE = 16 * 1024**2
_Answer = tuple[Verdict, GradeReason | None]
_REASONS: tuple[GradeReason | None, ...] = (None, *get_args(GradeReason))
_ANSWERS: dict[str, _Answer] = {
    answer_line(verdict, reason): (verdict, reason) for verdict in Verdict for reason in _REASONS
}


class ChildDied(Exception):
    """The child ended without a reply; `exit_code` is None if its nursery is gone too."""

    def __init__(self, exit_code: int | None = None) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


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
        """Decide a check within the time limit of its convention.

        Raises:
            TimeoutError: no reply came in time.
            ChildDied: the child ended before it replied (ChildGone: before it read the request).
        """
        seconds = self._config.time_limit(check.convention)
        if self.kind is Kind.CODE:
            request = {"answer": check.answer, "tests": check.gold}
            return _ANSWERS[self._exchange(request, seconds)]
        answer = _ANSWERS[self._exchange(vars(check), seconds)]
        self.spent = self.spent or answer[1] == "memory"
        return answer

    def check_steps(self, text: str, given: str) -> StepReport | None:
        """Check the steps of a text within `timeout` seconds; None if that took too much memory.

        Raises what `ask` does.
        """
        line = self._exchange({"text": text, "given": given}, self._config.timeout)
        if line == OUT_OF_MEMORY:
            self.spent = True
            return None
        found = json.loads(line)
        false = tuple(FalseStep(**step) for step in found["false"])
        return StepReport(found["checked"], false, tuple(found["broken"]), tuple(found["open"]))

    def end(self) -> int | None:
        """Kills the child if it lives; its exit code, or None where its nursery is gone and so it is too."""
        if not self._has_ended:
            self._has_ended = True
            self._channel.close()
            # With its nursery gone the child is gone too.
            with suppress(NurseryDied):
                self._exit_code = self._nursery.end(self._serial)
        return self._exit_code

    def _exchange(self, request: dict[str, str], seconds: float) -> str:
        deadline = time.monotonic() + seconds
        self.spent = True
        try:
            self._channel.send(json.dumps(request), deadline)
            reply = self._channel.receive(deadline)
        except EOFError as error:
            raise ChildDied(self.end()) from error
        except ConnectionError as error:
            raise ChildGone from error
        self.served += 1
        self.spent = self.kind is Kind.CODE or self.served >= MAX_SERVED
        return reply
