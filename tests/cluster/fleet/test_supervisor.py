"""Work and engines that come and go, with engines that are threads of this process."""

import time
from collections.abc import Callable, Iterator, Sequence
from random import Random
from threading import Thread

import pytest

from cluster.fleet.health import HealthPolicy, State
from cluster.fleet.settings import Settings
from cluster.fleet.status import EngineStatus
from cluster.fleet.supervisor import Supervisor, Task
from cluster.types import STARTED_WITH, Served
from tests.helpers.fake_engines import FakeEngine

QUICK = HealthPolicy(start_seconds=5, suspect_seconds=0.2, dead_seconds=0.6, max_restarts=100)
SECONDS = 20


class Crew:
    """A supervisor with all engines that it has ever had, and what it has said."""

    def __init__(
        self, count: int, settings: Settings, make: Callable[[], FakeEngine], served: Served
    ) -> None:
        self.make = make
        self.engines = [make() for _ in range(count)]
        self.said: list[str] = []
        self.seen: list[Sequence[EngineStatus]] = []
        self.supervisor = Supervisor(
            "crew",
            self.engines[:],
            self.another,
            served,
            settings,
            self.said.append,
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
        return [slot.health.state for slot in self.supervisor.slots]


@pytest.fixture
def crew() -> Iterator[Callable[..., Crew]]:
    crews: list[Crew] = []

    def start(
        count: int,
        make: Callable[[], FakeEngine] = FakeEngine,
        health: HealthPolicy = QUICK,
        served: Served = STARTED_WITH,
        **settings: float,
    ) -> Crew:
        options = Settings(health=health, heartbeat_seconds=0.05, **settings)  # ty: ignore[invalid-argument-type]
        crews.append(Crew(count, options, make, served))
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


def test_work_is_done_and_shared(crew: Callable[..., Crew]) -> None:
    some = crew(3)
    tasks = some.submit(30)
    assert answers(tasks) == [[f"{i}.0", f"{i}.1"] for i in range(30)]
    assert all(engine.calls.count("work") >= 5 for engine in some.engines)
    assert some.said == []


def test_weights_are_served_by_all_before_anything_is_asked_of_them(crew: Callable[..., Crew]) -> None:
    some = crew(3)
    some.supervisor.serve(Served(7, "load", (7, 99), 99)).result(SECONDS)
    tasks = some.submit(10)
    assert {(served, asked) for task in tasks for _, served, asked in task.answer.result(SECONDS)} == {(7, 7)}


def test_engines_that_have_served_something_else_start_with_what_is_to_be_served(
    crew: Callable[..., Crew],
) -> None:
    def used() -> FakeEngine:
        engine = FakeEngine()
        engine.version = 16
        return engine

    some = crew(2, make=used)
    some.supervisor.started().result(SECONDS)
    assert [engine.version for engine in some.engines] == [0, 0]


def test_a_dead_engine_is_replaced_and_loads_what_is_served_first(crew: Callable[..., Crew]) -> None:
    some = crew(2, make=lambda: FakeEngine(seconds=0.02))
    some.supervisor.serve(Served(3, "load", (3, 5), 5)).result(SECONDS)
    tasks = some.submit(40)
    until(lambda: any(task.answer.done() for task in tasks))
    some.engines[0].kill()
    assert answers(tasks) == [[f"{i}.0", f"{i}.1"] for i in range(40)]
    until(lambda: some.states == [State.HEALTHY] * 2)
    assert some.engines[2].calls[:2] == ["ready", "load"]
    assert some.said == ["fleet 'crew': engine 0 died: killed; another one starts (1 of 100)"]


def test_an_engine_that_serves_other_weights_than_published_is_replaced(crew: Callable[..., Crew]) -> None:
    bad = iter([True, False])
    some = crew(1, make=lambda: FakeEngine(corrupt=next(bad)))
    some.supervisor.started().result(SECONDS)
    some.supervisor.serve(Served(1, "load", (1, 4), 4)).result(SECONDS)
    said, paused, goes_on = some.said
    assert (
        "serves version 1 with checksum 0000000000000005 where 1 with 0000000000000004 was published" in said
    )
    assert paused == "fleet 'crew': paused, 0 of 1 engines can work and 1 must (cluster.min_healthy)"
    assert goes_on == "fleet 'crew': goes on with 1 of 1 engines"
    assert some.engines[1].version == 1


def test_an_engine_that_hangs_is_replaced(crew: Callable[..., Crew]) -> None:
    some = crew(2)
    some.supervisor.started().result(SECONDS)
    some.engines[0].hung.set()
    assert answers(some.submit(10)) == [[f"{i}.0", f"{i}.1"] for i in range(10)]
    assert any("engine 0 made no progress for 0.6 s" in said for said in some.said)


def test_an_engine_that_is_cut_off_works_on_when_it_is_back(crew: Callable[..., Crew]) -> None:
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
    assert some.said == [
        "fleet 'crew': paused, 0 of 2 engines can work and 1 must (cluster.min_healthy)",
        "fleet 'crew': goes on with 1 of 2 engines",
    ]


def test_below_the_least_number_the_fleet_waits(crew: Callable[..., Crew]) -> None:
    slow = iter([FakeEngine(), FakeEngine(), FakeEngine(seconds=0.3)])
    some = crew(2, make=lambda: next(slow), min_healthy=2)
    some.supervisor.started().result(SECONDS)
    some.engines[1].kill()
    until(lambda: State.RESTARTING in some.states)
    start = time.monotonic()
    assert answers(some.submit(1)) == [["0.0", "0.1"]]
    assert time.monotonic() - start > 0.25
    assert "paused, 1 of 2 engines can work and 2 must" in some.said[-2]


def test_too_few_left_is_an_error_with_every_reason(crew: Callable[..., Crew]) -> None:
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


def test_what_kills_every_engine_is_given_up_and_nothing_else(crew: Callable[..., Crew]) -> None:
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


def test_an_error_in_a_call_is_the_callers(crew: Callable[..., Crew]) -> None:
    some = crew(1)
    bad = Task("work", ["bad"])
    some.supervisor.submit([bad])
    with pytest.raises(ValueError, match="a bad request"):
        bad.answer.result(SECONDS)
    assert answers(some.submit(1)) == [["0.0", "0.1"]]
    assert some.said == []


@pytest.mark.parametrize("seed", range(3))
def test_a_hundred_deaths_lose_nothing(crew: Callable[..., Crew], seed: int) -> None:
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
            some.supervisor.serve(Served(versions, "load", (versions, 1), 1)).result(SECONDS)
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


def test_those_who_look_on_see_what_engines_do(crew: Callable[..., Crew]) -> None:
    some = crew(2)
    some.supervisor.serve(Served(3, "load", (3, 1), 1)).result(SECONDS)
    some.engines[0].kill()
    until(lambda: len(some.engines) == 3)
    answers(some.submit(200))
    until(lambda: bool(some.seen) and [e.version for e in some.seen[-1]] == [3, 3])
    assert [engine.number for engine in some.seen[-1]] == [0, 1]
    assert [engine.restarts for engine in some.supervisor.status()] == [1, 0]
    assert {engine.state for engine in some.supervisor.status()} == {"healthy"}
    assert max(engine.tokens_per_second for status in some.seen for engine in status) > 0
    until(lambda: [engine.queue for engine in some.supervisor.status()] == [0, 0])


def test_who_still_waits_when_it_is_stopped_is_told(crew: Callable[..., Crew]) -> None:
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
def test_who_asks_after_its_thread_has_failed_is_told(crew: Callable[..., Crew]) -> None:
    some = crew(2)
    some.supervisor.started().result(SECONDS)

    def full(message: str) -> None:
        raise OSError("no space left on device")

    some.supervisor._say = full
    some.engines[0].kill()
    some.supervisor._thread.join(SECONDS)
    (task,) = some.submit(1)
    for answer in (
        task.answer,
        some.supervisor.started(),
        some.supervisor.serve(Served(1, "load", (1, 4), 4)),
    ):
        with pytest.raises(OSError, match="no space left"):
            answer.result(SECONDS)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_weights_that_come_while_work_is_under_way_are_refused(crew: Callable[..., Crew]) -> None:
    some = crew(1)
    some.supervisor.started().result(SECONDS)
    some.engines[0].hung.set()
    (task,) = some.submit(1)
    for answer in (some.supervisor.serve(Served(1, "load", (1, 4), 4)), task.answer):
        with pytest.raises(AssertionError, match="weights change between two tasks"):
            answer.result(SECONDS)


def test_weights_that_all_load_at_the_same_time_are_no_pause(crew: Callable[..., Crew]) -> None:
    some = crew(2, make=lambda: FakeEngine(seconds=0.05))
    some.supervisor.started().result(SECONDS)
    for version in (1, 2, 3):
        some.supervisor.serve(Served(version, "load", (version, 4), 4)).result(SECONDS)
    assert some.said == []
