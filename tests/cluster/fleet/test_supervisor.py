"""Dispatch, loss and replacement of engines, with engines that are threads of this process."""

import time
from collections.abc import Callable, Iterator, Sequence
from random import Random
from threading import Thread

import pytest

from cluster.fleet.health import HealthPolicy, State
from cluster.fleet.settings import FleetSettings
from cluster.fleet.status import EngineStatus
from cluster.fleet.supervisor import EnginesLostError, EnginesNotStartedError, Supervisor, Task
from cluster.types import BASE_WEIGHTS, WeightSpec
from tests.helpers.fake_engines import FakeEngine

QUICK = HealthPolicy(start_seconds=5, suspect_seconds=0.2, dead_seconds=0.6, max_restarts=100)
SECONDS = 20
PATIENT = HealthPolicy(start_seconds=SECONDS, suspect_seconds=SECONDS, dead_seconds=SECONDS, max_restarts=100)
"""No engine is given up because a loaded machine lets it wait."""


class Crew:
    """A supervisor, all engines that it has ever had, and the lines that it has logged."""

    def __init__(
        self, count: int, settings: FleetSettings, make: Callable[[], FakeEngine], weights: WeightSpec
    ) -> None:
        self.make = make
        self.engines = [make() for _ in range(count)]
        self.lines: list[str] = []
        self.seen: list[Sequence[EngineStatus]] = []
        self.supervisor = Supervisor(
            "crew",
            self.engines[:],
            self.another,
            weights,
            settings,
            self.lines.append,
            observe=self.seen.append,
        )

    def another(self) -> FakeEngine:
        self.engines.append(self.make())
        return self.engines[-1]

    def submit(self, count: int, size: int = 2) -> list[Task]:
        tasks = [Task("work", [f"{i}.{j}" for j in range(size)]) for i in range(count)]
        self.supervisor.submit(tasks)
        return tasks

    @property
    def states(self) -> list[State]:
        return [replica.health.state for replica in self.supervisor.replicas]


@pytest.fixture
def crew() -> Iterator[Callable[..., Crew]]:
    crews: list[Crew] = []

    def start(
        count: int,
        make: Callable[[], FakeEngine] = FakeEngine,
        health: HealthPolicy = PATIENT,
        weights: WeightSpec = BASE_WEIGHTS,
        **settings: float,
    ) -> Crew:
        options = FleetSettings(health=health, heartbeat_seconds=0.05, **settings)  # ty: ignore[invalid-argument-type]
        crews.append(Crew(count, options, make, weights))
        return crews[-1]

    yield start
    for started in crews:
        started.supervisor.stop()


def answers(tasks: list[Task]) -> list[list[str]]:
    return [[request for request, _, _ in task.answer.result(SECONDS)] for task in tasks]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_tasks_are_shared_by_all_engines(crew: Callable[..., Crew]) -> None:
    some = crew(3)
    tasks = some.submit(30)
    assert answers(tasks) == [[f"{i}.0", f"{i}.1"] for i in range(30)]
    assert all(engine.calls.count("work") >= 5 for engine in some.engines)
    assert some.lines == []


def test_all_engines_load_weights_before_they_get_tasks(crew: Callable[..., Crew]) -> None:
    some = crew(3)
    some.supervisor.serve(WeightSpec(7, "load", (7, 99), 99)).result(SECONDS)
    tasks = some.submit(10)
    assert {(served, asked) for task in tasks for _, served, asked in task.answer.result(SECONDS)} == {(7, 7)}


def test_engines_that_served_other_weights_load_the_current_ones(
    crew: Callable[..., Crew],
) -> None:
    def used() -> FakeEngine:
        engine = FakeEngine()
        engine.version = 16
        return engine

    some = crew(2, make=used)
    some.supervisor.started().result(SECONDS)
    assert [engine.version for engine in some.engines] == [0, 0]


def test_a_dead_engine_is_replaced_by_one_that_first_loads_the_weights(crew: Callable[..., Crew]) -> None:
    some = crew(2, make=lambda: FakeEngine(seconds=0.02))
    some.supervisor.serve(WeightSpec(3, "load", (3, 5), 5)).result(SECONDS)
    tasks = some.submit(40)
    until(lambda: any(task.answer.done() for task in tasks))
    some.engines[0].kill()
    assert answers(tasks) == [[f"{i}.0", f"{i}.1"] for i in range(40)]
    until(lambda: some.states == [State.HEALTHY] * 2)
    assert some.engines[2].calls[:2] == ["ready", "load"]
    assert some.lines == ["fleet 'crew': engine 0 died: killed; restarting (1 of 100)"]


def test_an_engine_with_a_wrong_checksum_is_replaced(crew: Callable[..., Crew]) -> None:
    bad = iter([True, False])
    some = crew(1, make=lambda: FakeEngine(corrupt=next(bad)))
    some.supervisor.started().result(SECONDS)
    some.supervisor.serve(WeightSpec(1, "load", (1, 4), 4)).result(SECONDS)
    lost, paused, resumed = some.lines
    assert (
        "serves version 1 with checksum 0000000000000005, but version 1 with 0000000000000004 was published"
        in lost
    )
    assert paused == "fleet 'crew': paused, 0 of 1 engines available, 1 needed (cluster.min_healthy)"
    assert resumed == "fleet 'crew': resumed with 1 of 1 engines"
    assert some.engines[1].version == 1


def test_an_engine_that_hangs_is_replaced(crew: Callable[..., Crew]) -> None:
    some = crew(2, health=QUICK)
    some.supervisor.started().result(SECONDS)
    some.engines[0].hung.set()
    assert answers(some.submit(10)) == [[f"{i}.0", f"{i}.1"] for i in range(10)]
    assert any("engine 0 made no progress for 0.6 s" in said for said in some.lines)


def test_an_engine_that_was_cut_off_resumes_work(crew: Callable[..., Crew]) -> None:
    some = crew(2, health=HealthPolicy(start_seconds=5, suspect_seconds=1, dead_seconds=10), min_healthy=1)
    some.supervisor.started().result(SECONDS)
    for engine in some.engines:
        engine.cut_off()
    tasks = some.submit(10)
    until(lambda: some.states == [State.SUSPECT] * 2)
    assert not any(task.answer.done() for task in tasks)
    for engine in some.engines:
        engine.cut.clear()
    assert answers(tasks) == [[f"{i}.0", f"{i}.1"] for i in range(10)]
    assert len(some.engines) == 2
    assert some.lines == [
        "fleet 'crew': paused, 0 of 2 engines available, 1 needed (cluster.min_healthy)",
        "fleet 'crew': resumed with 1 of 2 engines",
    ]


def test_the_fleet_pauses_below_min_healthy(crew: Callable[..., Crew]) -> None:
    slow = iter([FakeEngine(), FakeEngine(), FakeEngine(seconds=0.3)])
    some = crew(2, make=lambda: next(slow), min_healthy=2)
    some.supervisor.started().result(SECONDS)
    some.engines[1].kill()
    until(lambda: State.RESTARTING in some.states)
    start = time.monotonic()
    assert answers(some.submit(1)) == [["0.0", "0.1"]]
    assert time.monotonic() - start > 0.25
    assert "paused, 1 of 2 engines available, 2 needed" in some.lines[-2]


def test_too_few_engines_left_is_an_error_with_every_reason(crew: Callable[..., Crew]) -> None:
    once = HealthPolicy(start_seconds=5, suspect_seconds=1, dead_seconds=5, max_restarts=0)
    some = crew(2, make=lambda: FakeEngine(seconds=5), health=once)
    tasks = some.submit(3)
    waiting = some.supervisor.started()
    for engine in some.engines:
        engine.kill()
    with pytest.raises(
        RuntimeError, match=r"0 of 2 engines left and needs 1 .*engine 0 died: killed; engine 1 died"
    ):
        tasks[2].answer.result(SECONDS)
    with pytest.raises(RuntimeError, match="engines left"):
        waiting.result(SECONDS)
    with pytest.raises(RuntimeError, match="engines left"):
        some.submit(1)[0].answer.result(SECONDS)
    with pytest.raises(RuntimeError, match="engines left"):
        some.supervisor.started().result(SECONDS)


def test_engines_that_never_start_are_an_error(crew: Callable[..., Crew]) -> None:
    never = HealthPolicy(start_seconds=0.1, max_restarts=1)
    some = crew(1, make=lambda: FakeEngine(starts=False), health=never)
    with pytest.raises(RuntimeError, match=r"engine 0 did not start within 0.1 s"):
        some.supervisor.started().result(SECONDS)
    (engine,) = some.engines
    assert engine.killed.is_set()


def test_engines_that_never_worked_are_told_from_lost_ones(crew: Callable[..., Crew]) -> None:
    once = HealthPolicy(start_seconds=5, suspect_seconds=1, dead_seconds=5, max_restarts=0)
    never = crew(1, make=lambda: FakeEngine(seconds=5), health=once)
    never.engines[0].kill()
    with pytest.raises(EnginesNotStartedError):
        never.submit(1)[0].answer.result(SECONDS)
    worked = crew(1, health=once)
    worked.supervisor.started().result(SECONDS)
    worked.engines[0].kill()
    with pytest.raises(EnginesLostError) as error:
        worked.submit(1)[0].answer.result(SECONDS)
    assert not isinstance(error.value, EnginesNotStartedError)


def test_only_a_task_that_kills_every_engine_is_given_up(crew: Callable[..., Crew]) -> None:
    def deadly(engine: FakeEngine) -> FakeEngine:
        answer = engine._answer

        def die(future: object, method: str, args: list[list[str]]) -> None:
            if method == "work" and "deadly" in args[0]:
                engine.kill()
            else:
                answer(future, method, args)  # ty: ignore[invalid-argument-type]

        engine._answer = die  # ty: ignore[invalid-assignment]
        return engine

    some = crew(2, make=lambda: deadly(FakeEngine()))
    some.supervisor.started().result(SECONDS)
    bad = Task("work", ["deadly"])
    some.supervisor.submit([bad])
    good = some.submit(20)
    with pytest.raises(RuntimeError, match=r"5 engines were lost with the same 1 requests of 'work'"):
        bad.answer.result(SECONDS)
    assert answers(good) == [[f"{i}.0", f"{i}.1"] for i in range(20)]


def test_an_error_in_a_call_is_raised_to_its_caller(crew: Callable[..., Crew]) -> None:
    some = crew(1)
    bad = Task("work", ["bad"])
    some.supervisor.submit([bad])
    with pytest.raises(ValueError, match="a bad request"):
        bad.answer.result(SECONDS)
    assert answers(some.submit(1)) == [["0.0", "0.1"]]
    assert some.lines == []


@pytest.mark.parametrize("seed", range(3))
def test_no_task_is_lost_in_a_hundred_deaths(crew: Callable[..., Crew], seed: int) -> None:
    random = Random(seed)
    some = crew(4, make=lambda: FakeEngine(seconds=0.001), health=HealthPolicy(max_restarts=1000), window=2)
    some.supervisor.started().result(SECONDS)
    tasks, versions = [], 0
    ended = False

    def kill() -> None:
        while not ended:
            random.choice(some.engines[-4:]).kill()
            time.sleep(random.random() * 0.01)

    killer = Thread(target=kill)
    killer.start()
    try:
        for versions in range(1, 2000):
            some.supervisor.serve(WeightSpec(versions, "load", (versions, 1), 1)).result(SECONDS)
            batch = [Task("work", [f"{versions}.{i}"]) for i in range(8)]
            some.supervisor.submit(batch)
            tasks += batch
            for task in batch:
                ((_, served, asked),) = task.answer.result(SECONDS)
                assert served == asked == versions
            if len(some.engines) > 104:
                break
    finally:
        ended = True
        killer.join()
    assert len(some.engines) > 104
    assert len(tasks) == 8 * versions


def test_observers_see_the_status_of_engines(crew: Callable[..., Crew]) -> None:
    some = crew(2)
    some.supervisor.serve(WeightSpec(3, "load", (3, 1), 1)).result(SECONDS)
    some.engines[0].kill()
    until(lambda: len(some.engines) == 3)
    answers(some.submit(200))
    until(lambda: bool(some.seen) and [e.version for e in some.seen[-1]] == [3, 3])
    assert [engine.number for engine in some.seen[-1]] == [0, 1]
    assert [engine.restarts for engine in some.supervisor.status()] == [1, 0]
    assert {engine.state for engine in some.supervisor.status()} == {"healthy"}
    assert max(engine.tokens_per_second for status in some.seen for engine in status) > 0
    until(lambda: [engine.queue for engine in some.supervisor.status()] == [0, 0])


def test_pending_futures_fail_when_the_supervisor_stops(crew: Callable[..., Crew]) -> None:
    some = crew(1)
    some.supervisor.started().result(SECONDS)
    some.engines[0].hung.set()
    waiting = [*some.submit(3), *some.submit(1)]
    until(lambda: "work" in some.engines[0].calls)
    some.supervisor.stop()
    late = some.submit(1)
    for task in [*waiting, *late]:
        with pytest.raises(RuntimeError, match="fleet 'crew' has been shut down"):
            task.answer.result(SECONDS)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_calls_fail_after_the_supervisor_has_failed(crew: Callable[..., Crew]) -> None:
    some = crew(2)
    some.supervisor.started().result(SECONDS)

    def full(message: str) -> None:
        raise OSError("no space left on device")

    some.supervisor._log = full
    some.engines[0].kill()
    some.supervisor._thread.join(SECONDS)
    (task,) = some.submit(1)
    for answer in (
        task.answer,
        some.supervisor.started(),
        some.supervisor.serve(WeightSpec(1, "load", (1, 4), 4)),
    ):
        with pytest.raises(OSError, match="no space left"):
            answer.result(SECONDS)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_weights_cannot_change_while_tasks_run(crew: Callable[..., Crew]) -> None:
    some = crew(1)
    some.supervisor.started().result(SECONDS)
    some.engines[0].hung.set()
    (task,) = some.submit(1)
    for answer in (some.supervisor.serve(WeightSpec(1, "load", (1, 4), 4)), task.answer):
        with pytest.raises(AssertionError, match="weights change between two tasks"):
            answer.result(SECONDS)


def test_loading_weights_is_no_pause(crew: Callable[..., Crew]) -> None:
    some = crew(2, make=lambda: FakeEngine(seconds=0.05))
    some.supervisor.started().result(SECONDS)
    for version in (1, 2, 3):
        some.supervisor.serve(WeightSpec(version, "load", (version, 4), 4)).result(SECONDS)
    assert some.lines == []


def test_all_engines_sleep_between_two_tasks(crew: Callable[..., Crew]) -> None:
    some = crew(2)
    some.supervisor.started().result(SECONDS)
    some.supervisor.sleep().result(SECONDS)
    assert [engine.calls.count("sleep") for engine in some.engines] == [1, 1]
    assert answers(some.submit(4)) == [[f"{i}.0", f"{i}.1"] for i in range(4)]


def test_an_engine_that_cannot_sleep_is_replaced(crew: Callable[..., Crew]) -> None:
    some = crew(1)
    some.supervisor.started().result(SECONDS)
    some.engines[0].hung.set()
    some.supervisor.sleep().result(SECONDS)
    assert "engine 0 could not sleep: ValueError: no memory on the host" in some.lines[0]
    until(lambda: some.states == [State.HEALTHY])
