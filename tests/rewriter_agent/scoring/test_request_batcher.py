"""What many threads ask of a fleet goes to it in one call, in their order."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import cast

import pytest

from cluster.fleet.fleet import Fleet
from cluster.types import Scored, ScoreRequest
from rewriter_agent.scoring.request_batcher import RequestBatcher
from tests.helpers.groups import RecordingFleet, fake_logprobs

THREADS = 12


class Calls(RecordingFleet):
    """Fake that records its calls; the second one fails if told to."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.calls: list[list[ScoreRequest]] = []
        self.fails = fails

    def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]:
        self.calls.append(list(requests))
        if self.fails and len(self.calls) == 2:
            raise RuntimeError("engine lost")
        return super().score(requests)


def asked(number: int, turn: int) -> list[ScoreRequest]:
    return [ScoreRequest([turn], [number, turn]), ScoreRequest([turn], [turn, number])]


def ask(fleet: Calls) -> list[Future[list[Scored]]]:
    """Thread n asks twice if n is even, once at n = 1, else never; later numbers are faster."""
    together = RequestBatcher(cast(Fleet, fleet), THREADS)

    def work(number: int) -> list[Scored]:
        found: list[Scored] = []
        try:
            time.sleep(0.005 * (THREADS - number))
            for turn in range(2 if number % 2 == 0 else int(number == 1)):
                found += together.score(number, asked(number, turn))
            return found
        finally:
            together.leave()

    with ThreadPoolExecutor(THREADS) as pool:
        return [pool.submit(work, number) for number in range(THREADS)]


def test_threads_are_answered_what_they_asked_in_one_call_a_turn() -> None:
    fleet = Calls()
    found = [future.result() for future in ask(fleet)]
    even = range(0, THREADS, 2)
    assert fleet.calls == [
        [request for number in sorted([*even, 1]) for request in asked(number, 0)],
        [request for number in even for request in asked(number, 1)],
    ]
    for number in range(THREADS):
        turns = 2 if number % 2 == 0 else int(number == 1)
        requests = [request for turn in range(turns) for request in asked(number, turn)]
        assert [scored.logprobs for scored in found[number]] == [
            fake_logprobs(request.completion_ids) for request in requests
        ]


def test_an_error_reaches_every_thread_that_waits() -> None:
    found = ask(Calls(fails=True))
    for number in range(THREADS):
        if number % 2:
            assert len(found[number].result()) == (2 if number == 1 else 0)
        else:
            with pytest.raises(RuntimeError, match="engine lost"):
                found[number].result()
