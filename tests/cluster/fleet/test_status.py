"""What is told of engines: rates between heartbeats, and the sums that a step logs."""

from dataclasses import replace

import pytest

from cluster.fleet.health import Health, HealthPolicy
from cluster.fleet.replica import Slot
from cluster.fleet.status import EngineStatus, FleetMetrics
from cluster.types import Beat
from tests.helpers.fake_engines import FakeEngine


@pytest.fixture
def slot() -> Slot[FakeEngine]:
    return Slot(3, FakeEngine(), Health(HealthPolicy(), 0.0))


def beat(tokens: int, busy_seconds: float) -> Beat:
    return Beat(pid=1, version=7, steps=1, working=True, tokens=tokens, busy_seconds=busy_seconds)


def test_rates_are_those_between_two_heartbeats(slot: Slot[FakeEngine]) -> None:
    slot.hear(10.0, beat(1000, 4.0))
    assert slot.status(0).tokens_per_second == 0
    slot.hear(15.0, beat(1500, 6.0))
    assert slot.status(2) == EngineStatus(3, "restarting", 7, 2, 0, 100.0, 0.4, 500, 2.0)
    slot.hear(20.0, beat(1500, 6.0))
    assert (slot.status(0).tokens_per_second, slot.status(0).busy) == (0, 0)


def test_an_engine_that_replaces_another_begins_at_nothing(slot: Slot[FakeEngine]) -> None:
    slot.hear(10.0, beat(1000, 4.0))
    slot.hear(15.0, beat(1500, 6.0))
    slot.replaced(FakeEngine())
    assert slot.status(0).tokens_per_second == slot.status(0).version == 0
    slot.hear(20.0, beat(10, 0.1))
    assert slot.status(0).tokens_per_second == 0
    slot.hear(25.0, beat(60, 0.6))
    assert (slot.status(0).tokens_per_second, slot.status(0).tokens) == (10, 550)


def test_a_step_logs_what_its_engines_did_since_the_step_before(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 100.0
    monkeypatch.setattr("cluster.fleet.status.time.monotonic", lambda: clock)
    engines = [
        EngineStatus(0, "healthy", 7, 1, 0, 0.0, 0.0, 1000, 5.0),
        EngineStatus(1, "healthy", 7, 2, 1, 0.0, 0.0, 1000, 5.0),
        EngineStatus(2, "dead", 6, 0, 4, 30.0, 1.0, 200, 1.0),
    ]
    metrics = FleetMetrics(lambda: engines)
    clock = 110.0
    engines[:2] = [replace(engine, tokens=1750, busy_seconds=12.0) for engine in engines[:2]]
    assert metrics() == {
        "engines": 2,
        "restarts": 5,
        "queue": 3,
        "tokens_per_second": 150,
        "idle": pytest.approx(0.3),
    }
    clock = 120.0
    assert (metrics()["tokens_per_second"], metrics.status()[0].tokens) == (0, 1750)


def test_a_fleet_without_engines_is_idle() -> None:
    metrics = FleetMetrics(list)
    assert (metrics()["idle"], metrics.tokens) == (1, 0)
