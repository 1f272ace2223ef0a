"""One call of a fleet for what many threads ask at the same time."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock

from cluster.fleet.fleet import Fleet
from cluster.types import Scored, ScoreRequest


@dataclass
class _Batch:
    asked: dict[int, Sequence[ScoreRequest]] = field(default_factory=dict)
    sent: Future[list[Scored]] = field(default_factory=Future)


class RequestBatcher:
    """Scores for threads numbered from 0, each of which may ask again and must `leave` in the end.

    Requests are sent when every thread has asked or left, in the order of the threads. Engines get large batches, and
    the same ones whichever thread was first.
    """

    def __init__(self, fleet: Fleet | None, threads: int) -> None:
        """Ask `fleet`; no thread may ask without one."""
        self.fleet = fleet
        self._lock = Lock()
        self._present = threads
        self._batch = _Batch()

    def score(self, number: int, requests: Sequence[ScoreRequest]) -> list[Scored]:
        """Score like `Fleet.score`, in one call with the other threads; an error of that call is raised in all."""
        with self._lock:
            batch = self._batch
            batch.asked[number] = requests
        self._send_if_due()
        scored = batch.sent.result()
        start = sum(len(asked) for other, asked in batch.asked.items() if other < number)
        return scored[start : start + len(requests)]

    def leave(self) -> None:
        """Sign off: this thread sends no more requests."""
        with self._lock:
            self._present -= 1
        self._send_if_due()

    def _send_if_due(self) -> None:
        with self._lock:
            batch = self._batch
            if not batch.asked or len(batch.asked) < self._present:
                return
            self._batch = _Batch()
        requests = [request for number in sorted(batch.asked) for request in batch.asked[number]]
        try:
            assert self.fleet is not None
            batch.sent.set_result(self.fleet.score(requests))
        except BaseException as error:  # noqa: BLE001
            # Whatever it is, the other threads wait for it.
            batch.sent.set_exception(error)
