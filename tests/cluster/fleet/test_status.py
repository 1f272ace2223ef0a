"""Engine status: rates between heartbeats, and the totals that a step logs."""

from dataclasses import replace

import pytest

from cluster.fleet.health import Health
from cluster.fleet.replica import Replica
from cluster.fleet.settings import HealthPolicy
from cluster.fleet.status import EngineStatus, FleetMetrics
from cluster.types import Heartbeat
from tests.helpers.fake_engines import FakeEngine


@pytest.fixture
def replica() -> Replica[FakeEngine]:
    return Replica(3, FakeEngine(), Health(HealthPolicy(), 0.0))


def heartbeat(tokens: int, busy_seconds: float) -> Heartbeat:
    return Heartbeat(pid=1, version=7, steps=1, working=True, tokens=tokens, busy_seconds=busy_seconds)


def test_rates_are_computed_between_two_heartbeats(replica: Replica[FakeEngine]) -> None:
    replica.record_heartbeat(10.0, heartbeat(1000, 4.0))
    assert replica.status(0).tokens_per_second == 0
    replica.record_heartbeat(15.0, heartbeat(1500, 6.0))
    assert replica.status(2) == EngineStatus(3, "restarting", 7, 2, 0, 100.0, 0.4, 500, 2.0)
    replica.record_heartbeat(20.0, heartbeat(1500, 6.0))
    assert (replica.status(0).tokens_per_second, replica.status(0).busy) == (0, 0)


def test_rates_of_a_replaced_engine_start_at_zero(replica: Replica[FakeEngine]) -> None:
    replica.record_heartbeat(10.0, heartbeat(1000, 4.0))
    replica.record_heartbeat(15.0, heartbeat(1500, 6.0))
    replica.replace_engine(FakeEngine())
    assert replica.status(0).tokens_per_second == replica.status(0).version == 0
    replica.record_heartbeat(20.0, heartbeat(10, 0.1))
    assert replica.status(0).tokens_per_second == 0
    replica.record_heartbeat(25.0, heartbeat(60, 0.6))
    assert (replica.status(0).tokens_per_second, replica.status(0).tokens) == (10, 550)


def test_metrics_cover_the_time_since_the_previous_step(monkeypatch: pytest.MonkeyPatch) -> None:
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
