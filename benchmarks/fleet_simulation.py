"""Overhead of the fleet at scale: 256 engines that only sleep, and a million requests of realistic lengths.

Everything except the engines is real: one supervisor thread dispatches groups, collects answers, monitors heartbeats
and replaces engines that die. An engine works on several groups at a time; each takes as long as its longest
completion. Lengths follow a truncated log-normal distribution, as for reasoning models.
"""

import argparse
import heapq
import itertools
import resource
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from cluster.fleet.settings import FleetSettings, HealthPolicy
from cluster.fleet.supervisor import Supervisor, Task
from cluster.types import BASE_WEIGHTS, Heartbeat

GROUP = 8
"""Requests per problem, which one engine answers together."""
AT_ONCE = 8
"""Groups that an engine works on concurrently."""
MEDIAN, SIGMA, LONGEST = 600, 0.8, 4096
"""Length of a completion in tokens."""


class Timer(threading.Thread):
    """Timer of all engines' calls, on one thread."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._calls: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Schedule a call after a delay in seconds."""
        with self._changed:
            heapq.heappush(self._calls, (time.perf_counter() + seconds, next(self._order), call))
            if self._calls[0][2] is call:
                self._changed.notify()

    def run(self) -> None:
        while True:
            with self._changed:
                while not self._calls or (wait := self._calls[0][0] - time.perf_counter()) > 0:
                    self._changed.wait(wait if self._calls else None)
                _, _, call = heapq.heappop(self._calls)
            call()


@dataclass(eq=False)
class SleepingEngine:
    """Engine that sleeps as long as a group would take, and measures its unused capacity."""

    timer: Timer
    seconds_a_token: float
    waiting: deque[tuple[Sequence[int], Future[Any]]] = field(default_factory=deque)
    busy: int = 0
    worked: float = 0.0
    """Seconds times groups, up to `changed`."""
    changed: float = field(default_factory=time.perf_counter)
    steps: int = 0

    def call(self, method: str, args: Sequence[Any], done: Callable[[Future[Any]], None]) -> None:
        """Answers at once to all but work."""
        future: Future[Any] = Future()
        future.add_done_callback(done)
        if method == "work":
            self.waiting.append((args[0], future))
            self._begin()
        else:
            self.steps += 1
            future.set_result(0 if method == "ready" else Heartbeat(0, 0, self.steps, True))

    def loss_reason(self, error: BaseException) -> None:
        """Never."""

    def is_unreachable(self, error: BaseException) -> bool:
        """Never."""
        return False

    def kill(self) -> None:
        """Nothing to end."""

    def count(self) -> float:
        """Seconds times groups of work done so far."""
        now = time.perf_counter()
        self.worked += self.busy * (now - self.changed)
        self.changed = now
        return self.worked

    def _begin(self) -> None:
        while self.waiting and self.busy < AT_ONCE:
            lengths, future = self.waiting.popleft()
            self.count()
            self.busy += 1
            self.timer.after(max(lengths) * self.seconds_a_token, partial(self._end, future, lengths))

    def _end(self, future: Future[Any], lengths: Sequence[int]) -> None:
        self.count()
        self.busy -= 1
        self._begin()
        future.set_result(lengths)


def lengths(random: Random) -> list[int]:
    """Lengths of one group's completions."""
    return [min(LONGEST, int(random.lognormvariate(0, SIGMA) * MEDIAN) + 1) for _ in range(GROUP)]


@dataclass(frozen=True)
class Simulated:
    """Measurements of a million requests."""

    seconds: float
    idle: float
    """Share of the engines' time in which they could have worked on more, while there was more to hand out."""
    cpu_microseconds: float
    """CPU time of this process per request, including the engines and their clock."""
    added_mb: float


def simulate(engines: int, requests: int, seconds_a_token: float, ahead: int) -> Simulated:
    """Run all requests, with up to `ahead` groups queued at each engine."""
    timer = Timer()
    timer.start()
    crew = [SleepingEngine(timer, seconds_a_token) for _ in range(engines)]
    settings = FleetSettings(HealthPolicy(), heartbeat_seconds=5, window=AT_ONCE + ahead)
    supervisor = Supervisor("simulation", crew, crew.pop, BASE_WEIGHTS, settings, print)
    supervisor.started().result()
    # Keep as many groups in flight as the engines accept, and a few queued here.
    capacity = threading.Semaphore(engines * (settings.window + 1))
    random, memory, groups = Random(0), peak_mb(), requests // GROUP
    cpu, start = time.process_time(), time.perf_counter()
    for _ in range(groups):
        capacity.acquire()
        task = Task("work", lengths(random))
        task.answer.add_done_callback(lambda _: capacity.release())
        supervisor.submit([task])
    fed = time.perf_counter() - start
    worked = sum(engine.count() for engine in crew)
    for _ in range(engines * (settings.window + 1)):
        capacity.acquire()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    supervisor.stop()
    idle = 1 - worked / (fed * engines * AT_ONCE)
    return Simulated(seconds, idle, 1e6 * cpu / requests, peak_mb() - memory)


def peak_mb() -> float:
    """CPU time of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print a table over the number of groups queued at an engine."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--engines", type=int, default=256)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--milliseconds-a-token", type=float, default=0.8)
    options = parser.parse_args()
    print(f"{options.engines} engines that sleep, {AT_ONCE} groups of {GROUP} requests at once each")
    print(
        f"{'waiting at an engine':<22}{'requests':>10}{'seconds':>9}{'idle':>8}{'us a request':>14}{'MB added':>10}"
    )
    for ahead, requests in ((0, options.requests // 10), (2, options.requests)):
        found = simulate(options.engines, requests, options.milliseconds_a_token / 1000, ahead)
        print(
            f"{ahead:<22}{requests:>10}{found.seconds:>9.1f}{found.idle:>8.1%}{found.cpu_microseconds:>14.1f}"
            f"{found.added_mb:>10.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
