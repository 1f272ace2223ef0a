"""Verifies answers in confined child processes that can be killed."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from reward.answers.conventions import decide
from reward.config import RewardConfig
from reward.readings import merge_reports, step_readings
from reward.steps import StepReport
from reward.types import Check, FurtherCheck, Grade, GradeReason, StepCheck, Verdict

from .child import Child, ChildDied, ChildGone
from .pool import Pool
from .worker import Kind

T = TypeVar("T")

_Result = tuple[Verdict, GradeReason | None]


class Verifier:
    """A pool of up to `max_verifiers` child processes; any thread may call it, several at once too.

    One process that holds all they need (`reward.sandbox.forkserver`, started on first use) forks children in
    milliseconds. They start when work waits, end when idle and never outlive this process.
    `timeouts` counts the checks that reached the time limit, `crashes` those at which a child died or ran out of
    memory.
    """

    def __init__(
        self, config: RewardConfig, further: Mapping[GradeReason, FurtherCheck] | None = None
    ) -> None:
        """Checks in `further` decide, in this process, on texts that pass all others against a reference."""
        size = config.max_verifiers or usable_cores()
        self._config = config
        self.further = further or {}
        self._owner = os.getpid()
        self._pool = Pool(config, size)
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="verifier")
        self._count_lock = threading.Lock()
        self.timeouts = 0
        self.crashes = 0

    def verify(self, checks: Sequence[Check]) -> list[Grade]:
        """One grade for each check, in order; equal checks are decided once.

        A check that reaches a limit is UNDECIDED with reason `timeout`, `memory` or `crashed` (the child ended
        without an answer), never an exception, and costs no more than its limit of one child's time.

        Raises:
            ValueError: a check's convention is unknown.
            RuntimeError: no child could be started, the verifier is closed, or this is a fork of its process.
        """
        self._check_owner()
        grades = {check: self._decide_here(check) for check in dict.fromkeys(checks)}
        hard = [check for check, grade in grades.items() if grade is None]
        asked = dict(zip(hard, self._threads.map(self._ask_child, hard), strict=True))
        decided = {check: grade or asked[check] for check, grade in grades.items()}
        self._check_further(decided)
        return [decided[check] for check in checks]

    def check_steps(self, checks: Sequence[StepCheck]) -> list[StepReport | None]:
        """One report for each text, in order; equal checks are decided once.

        Claims are looked for in the text as it stands and in what a reader sees of it. A check that reaches a limit has
        None as its report, never an exception, and costs no more than its limit of one child's time.

        Raises:
            RuntimeError: no child could be started, the verifier is closed, or this is a fork of its process.
        """
        self._check_owner()
        readings = {
            check: [(text, check.given) for text in step_readings(check.text, check.convention)]
            for check in checks
        }
        different = list(dict.fromkeys(reading for each in readings.values() for reading in each))
        reports = dict(zip(different, self._threads.map(self._ask_steps, different), strict=True))
        merged = {check: merge_reports([reports[one] for one in each]) for check, each in readings.items()}
        return [merged[check] for check in checks]

    def pids(self) -> list[int]:
        """Process ids of the children that live.

        Raises:
            RuntimeError: this is a fork of the verifier's process.
        """
        self._check_owner()
        return self._pool.pids()

    def close(self) -> None:
        """Ends all processes; checks under way are finished first. Does nothing in a fork of its process."""
        if os.getpid() != self._owner:
            return
        self._threads.shutdown(wait=True)
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_owner(self) -> None:
        # A fork has the counts of threads that it lacks, and half of a conversation.
        if os.getpid() != self._owner:
            raise RuntimeError(
                f"this Verifier was made in process {self._owner} and does not work in a fork of it; make a "
                "Verifier in this process"
            )

    def _decide_here(self, check: Check) -> Grade | None:
        start = time.perf_counter()
        result = decide(check, self._config)
        return None if result is None else Grade(*result, time.perf_counter() - start)

    def _check_further(self, grades: dict[Check, Grade]) -> None:
        """Refuse texts, in place, that a further check against the reference refuses."""
        for reason, passes in self.further.items():
            left = [
                check
                for check, grade in grades.items()
                if check.convention == "reference" and grade.verdict is Verdict.EQUAL
            ]
            if left:
                refused = [check for check, passed in zip(left, passes(left), strict=True) if not passed]
                grades.update(dict.fromkeys(refused, Grade(Verdict.DIFFERENT, reason)))

    def _ask_child(self, check: Check) -> Grade:
        start = time.perf_counter()
        verdict, reason = self._answer(check)
        self._count(reason)
        return Grade(verdict, reason, time.perf_counter() - start)

    def _answer(self, check: Check) -> _Result:
        kind = Kind.CODE if check.convention == "python" else Kind.PARSER
        try:
            return self._with_child(kind, lambda child: child.ask(check))
        except TimeoutError:
            return Verdict.UNDECIDED, "timeout"
        except ChildDied as death:
            return self._died(kind, death.exit_code)

    def _ask_steps(self, reading: tuple[str, str]) -> StepReport | None:
        try:
            report = self._with_child(Kind.PARSER, lambda child: child.check_steps(*reading))
        except TimeoutError:
            self._count("timeout")
            return None
        except ChildDied:
            report = None
        if report is None:
            self._count("crashed")
        return report

    def _with_child(self, kind: Kind, ask: Callable[[Child], T]) -> T:
        """Ask a child; raises what `Child.ask` does."""
        while True:
            with self._pool.lend(kind) as child:
                is_new = child.served == 0
                try:
                    return ask(child)
                except ChildGone:
                    if is_new:
                        raise
                    # It ended of idleness, or was killed, before it read the check: not the check's doing.

    def _count(self, reason: GradeReason | None) -> None:
        with self._count_lock:
            self.timeouts += reason == "timeout"
            self.crashes += reason in ("memory", "crashed")

    @staticmethod
    def _died(kind: Kind, exit_code: int | None) -> _Result:
        # Code that ends its own process has not passed its tests; one that a signal ended may have.
        if kind is Kind.CODE and exit_code is not None and exit_code >= 0:
            return Verdict.DIFFERENT, "test_failed"
        return Verdict.UNDECIDED, "crashed"


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
