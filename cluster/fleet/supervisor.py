"""The thread that gives a fleet's engines their work, watches over them and replaces those that die."""

import queue
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from threading import RLock, Thread
from typing import Any, Generic

from cluster.types import Beat, Served

from .dispatch import MOST_LOSSES, Dispatch
from .health import Health, State
from .replica import Answer, EngineT, Slot
from .settings import Settings
from .status import EngineStatus, Observe

Say = Callable[[str], None]


class EnginesLostError(RuntimeError):
    """A fleet has too few engines left, and no more can come."""


@dataclass(eq=False)
class Task:
    """One call of whichever engine is free."""

    method: str
    requests: Sequence[Any]
    answer: Future[list[Any]] = field(default_factory=Future)


class Supervisor(Generic[EngineT]):
    """What is public may be called from any thread; all else happens on its own, one event after the other."""

    def __init__(
        self,
        name: str,
        engines: Sequence[EngineT],
        replace: Callable[[], EngineT],
        served: Served,
        settings: Settings,
        say: Say,
        proven: bool = False,
        observe: Observe | None = None,
    ) -> None:
        """Wait for the `engines` to start and bring them to what is to be `served`; `replace` starts another one.

        `proven`: the engines have worked before, so that one that has died meanwhile is replaced. `observe` is told
        what they are doing, about once a heartbeat.
        """
        self.name = name
        self.settings = settings
        self._replace = replace
        self._served = served
        self._say = say
        self._observe = observe
        now = time.monotonic()
        self.slots = [
            Slot(i, engine, Health(settings.health, now, proven=proven)) for i, engine in enumerate(engines)
        ]
        self._dispatch: Dispatch[Task] = Dispatch(settings.window)
        self._events: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._waiters: list[tuple[Callable[[], bool], Future[None]]] = []
        self._tasks: set[Task] = set()
        self._watched = self._observed = now
        self._began = False
        self._paused = False
        self._error: BaseException | None = None
        self._ended = False
        self._ending = RLock()
        """Held where it is told whether the thread still takes events, and where it ends."""
        for slot in self.slots:
            self._call(slot, "ready", (), self._ready)
        self._thread = Thread(target=self._run, name=f"fleet-{name}", daemon=True)
        self._thread.start()

    def submit(self, tasks: Sequence[Task]) -> None:
        """Have the tasks done; each one's answer is set."""
        self._ask(partial(self._add, tasks))

    def serve(self, served: Served) -> Future[None]:
        """Have other weights served. Done when all engines have acknowledged them but those that are being replaced."""
        done: Future[None] = Future()
        self._ask(partial(self._change, served, done))
        return done

    def status(self) -> list[EngineStatus]:
        """What each engine is doing, at its last heartbeat."""
        return [slot.status(self._dispatch.running(slot.number)) for slot in self.slots]

    def started(self) -> Future[None]:
        """Done when every engine serves, or was given up for good."""
        done: Future[None] = Future()
        self._ask(partial(self._wait, self._all_started, done))
        return done

    def stop(self) -> None:
        """End the thread; the engines stay. Who still waits for something gets a RuntimeError."""
        self._events.put(None)
        self._thread.join()

    def _ask(self, event: Callable[[], None]) -> None:
        with self._ending:
            if not self._ended:
                self._events.put(event)
                return
        # It finds the error with which the thread has ended.
        event()

    def _run(self) -> None:
        reason: BaseException = RuntimeError(f"fleet '{self.name}' has been shut down")
        try:
            while self._work():
                pass
        except BaseException as error:
            reason = error
            raise
        finally:
            self._end(reason)

    def _work(self) -> bool:
        """One event, if there is one, and what follows from it; False at the end."""
        try:
            event = self._events.get(timeout=self.settings.heartbeat_seconds / 4)
        except queue.Empty:
            pass
        else:
            if event is None:
                return False
            event()
        self._watch()
        self._send()
        self._tell()
        return True

    def _end(self, reason: BaseException) -> None:
        """Others wait for this thread, and may ask it yet."""
        with self._ending:
            self._ended = True
            self._fail(reason)
        for slot in self.slots:
            # What engines still answer counts no more.
            slot.life += 1
        while not self._events.empty():
            if event := self._events.get():
                event()

    def _add(self, tasks: Sequence[Task]) -> None:
        if self._error is not None:
            for task in tasks:
                task.answer.set_exception(self._error)
        else:
            self._tasks.update(tasks)
            self._dispatch.add(tasks)

    def _change(self, served: Served, done: Future[None]) -> None:
        self._wait(self._all_loaded, done)
        if self._error is not None:
            return
        assert not self._tasks, "weights change between two tasks, not during one"
        self._served = served
        for slot in self.slots:
            if slot.health.state in (State.HEALTHY, State.SUSPECT, State.STALE):
                self._dispatch.close(slot.number)
                slot.health.outdated(time.monotonic())
                if not slot.loading:
                    self._load(slot)

    def _wait(self, condition: Callable[[], bool], done: Future[None]) -> None:
        if self._error is not None:
            done.set_exception(self._error)
        else:
            self._waiters.append((condition, done))

    def _tell(self) -> None:
        waiting = []
        for condition, done in self._waiters:
            if condition():
                done.set_result(None)
            else:
                waiting.append((condition, done))
        self._waiters = waiting

    def _all_started(self) -> bool:
        return all(slot.health.state in (State.HEALTHY, State.SUSPECT, State.RETIRED) for slot in self.slots)

    def _all_loaded(self) -> bool:
        loading = any(slot.health.state is State.STALE for slot in self.slots)
        return not loading and self._dispatch.engines >= self.settings.min_healthy

    def _call(
        self,
        slot: Slot[EngineT],
        method: str,
        args: Sequence[Any],
        then: Callable[[Slot[EngineT], Answer], None],
    ) -> None:
        life = slot.life

        def event(answer: Answer) -> None:
            error = answer.exception()
            if slot.life != life:
                return
            if error is not None and (reason := slot.engine.lost(error)):
                self._lose(slot, reason)
            elif error is not None and slot.engine.unreachable(error):
                self._unreachable(slot)
            else:
                then(slot, answer)

        slot.engine.call(method, args, lambda answer: self._events.put(partial(event, answer)))

    def _ready(self, slot: Slot[EngineT], answer: Answer) -> None:
        if error := answer.exception():
            self._lose(slot, f"did not start: {first_line(error)}")
            return
        slot.health.started(time.monotonic())
        if answer.result() == self._served.version == 0:
            self._acknowledge(slot)
        else:
            self._load(slot)

    def _load(self, slot: Slot[EngineT]) -> None:
        slot.loading = True
        self._call(slot, self._served.method, self._served.args, partial(self._loaded, self._served))

    def _loaded(self, served: Served, slot: Slot[EngineT], answer: Answer) -> None:
        slot.loading = False
        if served is not self._served:
            # One after the other: an engine may do two calls in either order.
            self._load(slot)
        elif error := answer.exception():
            self._lose(slot, f"could not load weights version {served.version}: {first_line(error)}")
        elif answer.result() != (served.version, served.checksum or answer.result()[1]):
            version, checksum = answer.result()
            self._lose(
                slot,
                f"serves version {version} with checksum {checksum:016x} where {served.version} with "
                f"{served.checksum or 0:016x} was published",
            )
        else:
            self._acknowledge(slot)

    def _acknowledge(self, slot: Slot[EngineT]) -> None:
        slot.health.acknowledged(time.monotonic())
        self._dispatch.open(slot.number)

    def _answered(self, ticket: int, task: Task, slot: Slot[EngineT], answer: Answer) -> None:
        if not self._dispatch.answered(slot.number, ticket):
            return
        self._tasks.discard(task)
        if error := answer.exception():
            task.answer.set_exception(error)
        else:
            task.answer.set_result(answer.result())

    def _beat(self, slot: Slot[EngineT], answer: Answer) -> None:
        beat: Beat = answer.result()
        suspected = slot.health.state is State.SUSPECT
        slot.hear(time.monotonic(), beat)
        slot.health.alive(time.monotonic(), beat.steps, beat.working)
        if suspected:
            self._dispatch.open(slot.number)

    def _unreachable(self, slot: Slot[EngineT]) -> None:
        """It may live: what it has is asked of others, and heartbeats tell what has become of it."""
        slot.beating = False
        if slot.health.state in (State.HEALTHY, State.SUSPECT):
            slot.health.unreachable(time.monotonic())
            self._dispatch.lost(slot.number, blame=False)
        else:
            self._lose(slot, "could not be reached")

    def _lose(self, slot: Slot[EngineT], reason: str) -> None:
        now = time.monotonic()
        slot.health.lost(now, reason)
        slot.life += 1
        slot.beating = slot.loading = False
        slot.engine.kill()
        self._send_again(slot, reason)
        if slot.health.restarted(now):
            again = f"; another one starts ({slot.health.restarts} of {slot.health.policy.max_restarts})"
            slot.replaced(self._replace())
            self._call(slot, "ready", (), self._ready)
        else:
            again = "; it is not started again (cluster.max_restarts)" if slot.health.proven else ""
        self._say(f"fleet '{self.name}': engine {slot.number} {reason}{again}")
        self._require_enough()

    def _send_again(self, slot: Slot[EngineT], reason: str) -> None:
        for task in self._dispatch.lost(slot.number):
            self._tasks.discard(task)
            task.answer.set_exception(
                RuntimeError(
                    f"fleet '{self.name}': {MOST_LOSSES} engines were lost with the same {len(task.requests)} requests "
                    f"of '{task.method}', the last of them because it {reason}"
                )
            )

    def _require_enough(self) -> None:
        left = [slot for slot in self.slots if slot.health.state is not State.RETIRED]
        if len(left) < self.settings.min_healthy:
            reasons = "; ".join(f"engine {s.number} {s.health.reason}" for s in self.slots if s not in left)
            self._fail(
                EnginesLostError(
                    f"fleet '{self.name}' has {len(left)} of {len(self.slots)} engines left and needs "
                    f"{self.settings.min_healthy} (cluster.min_healthy): {reasons}"
                )
            )

    def _fail(self, error: BaseException) -> None:
        self._error = error
        for answer in [*(task.answer for task in self._tasks), *(done for _, done in self._waiters)]:
            answer.set_exception(error)
        self._tasks, self._waiters = set(), []
        self._dispatch = Dispatch(self.settings.window)

    def _watch(self) -> None:
        now = time.monotonic()
        if now - self._watched < self.settings.heartbeat_seconds / 4:
            return
        self._watched = now
        for slot in self.slots:
            if reason := slot.health.check(now):
                self._lose(slot, reason)
            elif slot.health.state is State.SUSPECT:
                self._dispatch.close(slot.number)
            due = not slot.beating and now - slot.asked >= self.settings.heartbeat_seconds
            if due and slot.health.state in (State.HEALTHY, State.SUSPECT):
                slot.beating, slot.asked = True, now
                self._call(slot, "beat", (), self._beat)
        if self._observe is not None and now - self._observed >= self.settings.heartbeat_seconds:
            self._observed = now
            self._observe(self.status())

    def _send(self) -> None:
        enough = self._dispatch.engines >= self.settings.min_healthy
        if enough:
            for number, ticket, task in self._dispatch.assign():
                args = (task.requests, self._served.version)
                self._call(self.slots[number], task.method, args, partial(self._answered, ticket, task))
        self._tell_of_pauses(enough)

    def _tell_of_pauses(self, enough: bool) -> None:
        """Not of the first start: all wait for it."""
        self._began = self._began or enough
        # Of those that load weights, nobody is to be told.
        there = sum(slot.health.state in (State.HEALTHY, State.SUSPECT, State.STALE) for slot in self.slots)
        missed = bool(self._waiters) and there < self.settings.min_healthy
        paused = self._began and not enough and (self._dispatch.waiting > 0 or missed)
        usable = f"{self._dispatch.engines} of {len(self.slots)} engines"
        if paused and not self._paused:
            needed = f"{self.settings.min_healthy} must (cluster.min_healthy)"
            self._say(f"fleet '{self.name}': paused, {usable} can work and {needed}")
        elif enough and self._paused:
            self._say(f"fleet '{self.name}': goes on with {usable}")
        self._paused = paused or (self._paused and not enough)


def first_line(error: BaseException) -> str:
    """The kind of an error and the first line of what it says."""
    cause = getattr(error, "cause", None) or error
    return f"{type(cause).__name__}: {str(cause).strip().split(chr(10))[0]}"
