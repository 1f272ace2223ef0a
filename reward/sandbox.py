"""Verifies answers in child processes that can be killed."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from reward.child import Child, ChildDied, ChildTimeout
from reward.config import RewardConfig
from reward.exact import decide
from reward.types import Verdict


class Verifier:
    """A pool of `num_verifiers` child processes; any thread may call it, several at once too.

    Children start on first use, never outlive this process, and import neither torch nor Ray. `timeouts`
    counts the pairs that reached the time limit, `crashes` those at which a child died (out of memory).
    """

    def __init__(self, config: RewardConfig) -> None:
        self._max_answer_chars = config.max_answer_chars
        self._children: SimpleQueue[Child] = SimpleQueue()
        for _ in range(config.num_verifiers):
            self._children.put(Child(config.timeout, config.memory_limit_gb))
        self._threads = ThreadPoolExecutor(config.num_verifiers, thread_name_prefix="verifier")
        self._num_children = config.num_verifiers
        self._count_lock = threading.Lock()
        self.timeouts = 0
        self.crashes = 0

    def verify(self, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
        """One verdict for each (gold, answer), in order; equal pairs are decided once.

        UNDECIDED, never an exception, where an answer is longer than `max_answer_chars` or its comparison
        reached a limit; each pair takes at most `timeout` seconds of a child.

        Raises:
            RuntimeError: a child could not be started, or the verifier is closed.
        """
        here = {pair: self._decide_here(*pair) for pair in pairs}
        hard = [pair for pair, verdict in here.items() if verdict is None]
        asked = dict(zip(hard, self._threads.map(self._ask_child, hard), strict=True))
        return [here[pair] or asked[pair] for pair in pairs]

    def close(self) -> None:
        """Ends the children; pairs under way are finished first."""
        self._threads.shutdown(wait=True)
        for _ in range(self._num_children):
            self._children.get().kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _decide_here(self, gold: str, answer: str) -> Verdict | None:
        if max(len(gold), len(answer)) > self._max_answer_chars:
            return Verdict.UNDECIDED
        return decide(gold, answer)

    def _ask_child(self, pair: tuple[str, str]) -> Verdict:
        child = self._children.get()
        try:
            return child.ask(*pair)
        except ChildTimeout:
            with self._count_lock:
                self.timeouts += 1
        except ChildDied:
            with self._count_lock:
                self.crashes += 1
        finally:
            self._children.put(child)
        return Verdict.UNDECIDED
