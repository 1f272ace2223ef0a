"""The thread that dispatches a fleet's tasks, checks the health of its engines and replaces lost ones."""

import queue
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from threading import RLock, Thread
from typing import Any, Generic

from cluster.types import Heartbeat, LogLine, WeightSpec

from .dispatch import MAX_LOSSES, Dispatch
from .health import Health, State
from .pauses import Pauses
from .replica import Answer, EngineT, Replica
from .settings import FleetSettings
from .status import EngineStatus, Observe
from .waiters import Waiters


class EnginesLostError(RuntimeError):
    """A fleet has fewer engines than it needs, and none can be restarted."""


class EnginesNotStartedError(EnginesLostError):
    """No engine of a fleet has ever worked, though none ran out of time."""


@dataclass(eq=False)
class Task:
    """One method call, answered by any engine of the fleet."""

    method: str
    requests: Sequence[Any]
    answer: Future[list[Any]] = field(default_factory=Future)


class Supervisor(Generic[EngineT]):
    """Event loop of a fleet.

    Public methods may be called from any thread; they post events, which the supervisor's own thread handles one at a
    time. All private methods run on that thread, except `_post`.
    """

    def __init__(
        self,
        name: str,
        engines: Sequence[EngineT],
        replace: Callable[[], EngineT],
        weights: WeightSpec,
        settings: FleetSettings,
        log: LogLine,
        proven: bool = False,
        observe: Observe | None = None,
    ) -> None:
        """Wait for `engines` to start and let them serve `weights`; `replace` starts a new engine.

        `proven` says that the engines have served before; one that died meanwhile is then replaced. `observe`
        receives the status of the engines about once per heartbeat.
        """
        self.name = name
        self.settings = settings
        self._replace = replace
        self._weights = weights
        self._log = log
        self._observe = observe
        now = time.monotonic()
        self.replicas = [
            Replica(i, engine, Health(settings.health, now, proven=proven))
            for i, engine in enumerate(engines)
        ]
        self._dispatch: Dispatch[Task] = Dispatch(settings.window)
        self._events: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._waiters = Waiters()
        self._tasks: set[Task] = set()
        self._last_check = self._last_observation = now
        self._pauses = Pauses(name, len(engines), settings.min_healthy)
        self._error: BaseException | None = None
        self._ended = False
        self._end_lock = RLock()
        """Guards `_ended`: an event is posted only while the thread still handles events."""
        for replica in self.replicas:
            self._call(replica, "ready", (), self._on_ready)
        self._thread = Thread(target=self._run, name=f"fleet-{name}", daemon=True)
        self._thread.start()

    def submit(self, tasks: Sequence[Task]) -> None:
        """Queue tasks; each task's `answer` is set when an engine has done it."""
        self._post(partial(self._add, tasks))

    def serve(self, weights: WeightSpec) -> Future[None]:
        """Switch to other weights; the future is done when all engines but those being replaced acknowledge them."""
        done: Future[None] = Future()
        self._post(partial(self._change_weights, weights, done))
        return done

    def sleep(self) -> Future[None]:
        """Send the engines to sleep; the future is done when all that work have freed their GPUs."""
        done: Future[None] = Future()
        self._post(partial(self._send_to_sleep, done))
        return done

    def status(self) -> list[EngineStatus]:
        """Status of each engine at its last heartbeat."""
        return [replica.status(self._dispatch.running(replica.number)) for replica in self.replicas]

    def started(self) -> Future[None]:
        """Future that is done when every engine serves or is retired."""
        done: Future[None] = Future()
        self._post(partial(self._add_waiter, self._all_started, done))
        return done

    def stop(self) -> None:
        """Stop the thread without killing engines; pending futures fail with RuntimeError."""
        self._events.put(None)
        self._thread.join()

    def _post(self, event: Callable[[], None]) -> None:
        with self._end_lock:
            if not self._ended:
                self._events.put(event)
                return
        # The thread has ended and left an error, which the event hands on to its future.
        event()

    def _run(self) -> None:
        reason: BaseException = RuntimeError(f"fleet '{self.name}' has been shut down")
        try:
            while self._step():
                pass
        except BaseException as error:
            reason = error
            raise
        finally:
            self._end(reason)

    def _step(self) -> bool:
        """Handle at most one event and its consequences; False at the end."""
        try:
            event = self._events.get(timeout=self.settings.heartbeat_seconds / 4)
        except queue.Empty:
            pass
        else:
            if event is None:
                return False
            event()
        self._check_health()
        self._send_tasks()
        self._log_pauses()
        self._waiters.resolve()
        return True

    def _end(self, reason: BaseException) -> None:
        """Fail all futures, including the futures of queued events."""
        with self._end_lock:
            self._ended = True
            self._fail(reason)
        for replica in self.replicas:
            # Later answers of the engines are ignored.
            replica.generation += 1
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

    def _change_weights(self, weights: WeightSpec, done: Future[None]) -> None:
        self._add_waiter(self._all_loaded, done)
        if self._error is not None:
            return
        assert not self._tasks, "weights change between two tasks, not during one"
        self._weights = weights
        for replica in self.replicas:
            if replica.health.state in (State.HEALTHY, State.SUSPECT, State.STALE):
                self._dispatch.close(replica.number)
                replica.health.outdated(time.monotonic())
                if not replica.loading:
                    self._load(replica)

    def _send_to_sleep(self, done: Future[None]) -> None:
        assert not self._tasks, "engines sleep between two tasks, not during one"
        falling_asleep = {
            (replica, replica.generation)
            for replica in self.replicas
            if replica.health.state is State.HEALTHY
        }

        def on_answer(replica: Replica[EngineT], answer: Answer) -> None:
            falling_asleep.discard((replica, replica.generation))
            if error := answer.exception():
                self._lose(replica, f"could not sleep: {first_line(error)}")

        def all_asleep() -> bool:
            # A lost or unreachable engine is not waited for.
            return not any(
                replica.generation == generation and replica.health.state is State.HEALTHY
                for replica, generation in falling_asleep
            )

        for replica, _ in falling_asleep:
            self._call(replica, "sleep", (), on_answer)
        self._add_waiter(all_asleep, done)

    def _add_waiter(self, condition: Callable[[], bool], done: Future[None]) -> None:
        if self._error is not None:
            done.set_exception(self._error)
        else:
            self._waiters.add(condition, done)

    def _all_started(self) -> bool:
        return all(r.health.state in (State.HEALTHY, State.SUSPECT, State.RETIRED) for r in self.replicas)

    def _all_loaded(self) -> bool:
        loading = any(replica.health.state is State.STALE for replica in self.replicas)
        return not loading and self._dispatch.engines >= self.settings.min_healthy

    def _call(
        self,
        replica: Replica[EngineT],
        method: str,
        args: Sequence[Any],
        then: Callable[[Replica[EngineT], Answer], None],
    ) -> None:
        """Call the replica's engine and handle its answer, or its loss, on the supervisor's thread."""
        generation = replica.generation

        def event(answer: Answer) -> None:
            error = answer.exception()
            if replica.generation != generation:
                return
            if error is not None and (reason := replica.engine.loss_reason(error)):
                self._lose(replica, reason)
            elif error is not None and replica.engine.is_unreachable(error):
                self._suspect(replica)
            else:
                then(replica, answer)

        replica.engine.call(method, args, lambda answer: self._events.put(partial(event, answer)))

    def _on_ready(self, replica: Replica[EngineT], answer: Answer) -> None:
        if error := answer.exception():
            self._lose(replica, f"did not start: {first_line(error)}")
            return
        replica.health.started(time.monotonic())
        if answer.result() == self._weights.version == 0:
            self._acknowledge(replica)
        else:
            self._load(replica)

    def _load(self, replica: Replica[EngineT]) -> None:
        replica.loading = True
        self._call(replica, self._weights.method, self._weights.args, partial(self._on_loaded, self._weights))

    def _on_loaded(self, weights: WeightSpec, replica: Replica[EngineT], answer: Answer) -> None:
        replica.loading = False
        if weights is not self._weights:
            # The weights have changed meanwhile. Loads are sent one by one, since an engine may swap concurrent ones.
            self._load(replica)
        elif error := answer.exception():
            self._lose(replica, f"could not load weights version {weights.version}: {first_line(error)}")
        elif answer.result() != (weights.version, weights.checksum or answer.result()[1]):
            version, checksum = answer.result()
            self._lose(
                replica,
                f"serves version {version} with checksum {checksum:016x}, but version {weights.version} with "
                f"{weights.checksum or 0:016x} was published",
            )
        else:
            self._acknowledge(replica)

    def _acknowledge(self, replica: Replica[EngineT]) -> None:
        replica.health.acknowledged(time.monotonic())
        self._dispatch.open(replica.number)

    def _on_answer(self, ticket: int, task: Task, replica: Replica[EngineT], answer: Answer) -> None:
        if not self._dispatch.complete(replica.number, ticket):
            return
        self._tasks.discard(task)
        if error := answer.exception():
            task.answer.set_exception(error)
        else:
            task.answer.set_result(answer.result())

    def _on_heartbeat(self, replica: Replica[EngineT], answer: Answer) -> None:
        heartbeat: Heartbeat = answer.result()
        suspected = replica.health.state is State.SUSPECT
        replica.record_heartbeat(time.monotonic(), heartbeat)
        replica.health.record_heartbeat(time.monotonic(), heartbeat.steps, heartbeat.working)
        if suspected:
            self._dispatch.open(replica.number)

    def _suspect(self, replica: Replica[EngineT]) -> None:
        """Re-dispatch the tasks of an engine that cannot be reached; heartbeats show whether it is alive."""
        replica.heartbeat_pending = False
        if replica.health.state in (State.HEALTHY, State.SUSPECT):
            replica.health.unreachable(time.monotonic())
            self._dispatch.requeue(replica.number, blame=False)
        else:
            self._lose(replica, "could not be reached")

    def _lose(self, replica: Replica[EngineT], reason: str) -> None:
        """Give the engine up, re-dispatch its tasks and start another one if the policy allows it."""
        now = time.monotonic()
        replica.health.lost(now, reason)
        replica.generation += 1
        replica.heartbeat_pending = replica.loading = False
        replica.engine.kill()
        self._redispatch(replica, reason)
        if replica.health.try_restart(now):
            restart = f"; restarting ({replica.health.restarts} of {replica.health.policy.max_restarts})"
            replica.replace_engine(self._replace())
            self._call(replica, "ready", (), self._on_ready)
        else:
            restart = "; not restarted (cluster.max_restarts)" if replica.health.proven else ""
        self._log(f"fleet '{self.name}': engine {replica.number} {reason}{restart}")
        self._check_min_healthy()

    def _redispatch(self, replica: Replica[EngineT], reason: str) -> None:
        for task in self._dispatch.requeue(replica.number):
            self._tasks.discard(task)
            task.answer.set_exception(
                RuntimeError(
                    f"fleet '{self.name}': {MAX_LOSSES} engines were lost with the same {len(task.requests)} requests "
                    f"of '{task.method}', the last of them because it {reason}"
                )
            )

    def _check_min_healthy(self) -> None:
        left = [replica for replica in self.replicas if replica.health.state is not State.RETIRED]
        if len(left) < self.settings.min_healthy:
            reasons = "; ".join(
                f"engine {r.number} {r.health.reason}" for r in self.replicas if r not in left
            )
            may_work = any(r.health.proven or r.health.start_timed_out for r in self.replicas)
            kind = EnginesLostError if may_work else EnginesNotStartedError
            self._fail(
                kind(
                    f"fleet '{self.name}' has {len(left)} of {len(self.replicas)} engines left and needs "
                    f"{self.settings.min_healthy} (cluster.min_healthy): {reasons}"
                )
            )

    def _fail(self, error: BaseException) -> None:
        self._error = error
        for task in self._tasks:
            task.answer.set_exception(error)
        self._tasks = set()
        self._waiters.fail(error)
        self._dispatch = Dispatch(self.settings.window)

    def _check_health(self) -> None:
        now = time.monotonic()
        if now - self._last_check < self.settings.heartbeat_seconds / 4:
            return
        self._last_check = now
        for replica in self.replicas:
            if reason := replica.health.check(now):
                self._lose(replica, reason)
            elif replica.health.state is State.SUSPECT:
                self._dispatch.close(replica.number)
            elapsed = now - replica.heartbeat_sent
            due = not replica.heartbeat_pending and elapsed >= self.settings.heartbeat_seconds
            if due and replica.health.state in (State.HEALTHY, State.SUSPECT):
                replica.heartbeat_pending, replica.heartbeat_sent = True, now
                self._call(replica, "heartbeat", (), self._on_heartbeat)
        if self._observe is not None and now - self._last_observation >= self.settings.heartbeat_seconds:
            self._last_observation = now
            self._observe(self.status())

    def _send_tasks(self) -> None:
        if self._dispatch.engines >= self.settings.min_healthy:
            for number, ticket, task in self._dispatch.assign():
                args = (task.requests, self._weights.version)
                self._call(self.replicas[number], task.method, args, partial(self._on_answer, ticket, task))

    def _log_pauses(self) -> None:
        # Engines that load weights are about to be available, so they do not count as missing.
        present = sum(
            replica.health.state in (State.HEALTHY, State.SUSPECT, State.STALE) for replica in self.replicas
        )
        missed = bool(self._waiters) and present < self.settings.min_healthy
        if line := self._pauses.update(self._dispatch.engines, self._dispatch.waiting > 0 or missed):
            self._log(line)


def first_line(error: BaseException) -> str:
    """The type of an error and the first line of its message."""
    cause = getattr(error, "cause", None) or error
    return f"{type(cause).__name__}: {str(cause).strip().split(chr(10))[0]}"
