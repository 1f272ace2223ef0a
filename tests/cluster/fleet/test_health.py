"""The state machine of an engine, event by event."""

import pytest

from cluster.fleet.health import TRANSITIONS, Health, State
from cluster.fleet.settings import HealthPolicy

POLICY = HealthPolicy(start_seconds=100, suspect_seconds=10, dead_seconds=30, max_restarts=2)


def health(state: State = State.RESTARTING, since: float = 0.0) -> Health:
    return Health(POLICY, since, state=state, proven=True, last_seen=since, progress=(0, since))


def test_a_dead_engine_becomes_healthy_only_by_a_start_and_an_acknowledgement() -> None:
    reached, ways = {State.DEAD}, [[State.DEAD]]
    while ways:
        way = ways.pop()
        for state in TRANSITIONS[way[-1]]:
            if state is State.HEALTHY:
                assert way[-2:] == [State.RESTARTING, State.STALE] or State.HEALTHY in way
            if state not in reached:
                reached.add(state)
                ways.append([*way, state])
    assert reached == set(State)


def test_an_engine_is_healthy_once_it_acknowledges() -> None:
    engine = health()
    engine.started(5)
    assert engine.state is State.STALE
    engine.acknowledged(6)
    assert engine.state is State.HEALTHY


@pytest.mark.parametrize("state", [State.RESTARTING, State.DEAD, State.RETIRED])
def test_only_a_stale_or_silent_engine_becomes_healthy(state: State) -> None:
    with pytest.raises(AssertionError, match="no transition"):
        health(state).acknowledged(1)


def test_a_silent_engine_is_suspected_then_given_up() -> None:
    engine = health(State.HEALTHY)
    assert engine.check(10) is None
    assert engine.state is State.HEALTHY
    assert engine.check(11) is None
    assert engine.state is State.SUSPECT
    assert engine.check(30) is None
    assert engine.check(31) == "sent no heartbeat for 30 s"


def test_a_heartbeat_makes_a_suspect_engine_healthy() -> None:
    engine = health(State.HEALTHY)
    engine.check(11)
    engine.record_heartbeat(12, steps=1, working=True)
    assert engine.state is State.HEALTHY
    assert engine.check(22) is None
    assert engine.state is State.HEALTHY


def test_an_engine_without_progress_is_given_up() -> None:
    engine = health(State.HEALTHY)
    for now in range(0, 31, 5):
        engine.record_heartbeat(now, steps=7, working=True)
        assert engine.check(now) is None
    engine.record_heartbeat(40, steps=7, working=True)
    assert engine.check(40) == "made no progress for 30 s"


def test_an_idle_engine_needs_no_progress() -> None:
    engine = health(State.HEALTHY)
    for now in range(0, 200, 5):
        engine.record_heartbeat(now, steps=7, working=False)
        assert engine.check(now) is None


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (State.RESTARTING, "did not start within 100 s"),
        (State.STALE, "did not load the weights within 100 s"),
    ],
)
def test_the_duration_of_a_start_is_limited(state: State, reason: str) -> None:
    assert health(state).check(100) is None
    assert health(state).check(101) == reason


def test_restarts_are_bounded() -> None:
    engine = health(State.HEALTHY)
    for number in (1, 2):
        engine.lost(1, "died")
        assert engine.try_restart(1)
        assert engine.restarts == number
        engine.started(2)
        engine.acknowledged(3)
    engine.lost(4, "died again")
    assert not engine.try_restart(4)
    assert engine.state is State.RETIRED
    assert engine.reason == "died again"
    assert engine.check(1000) is None


def test_an_engine_that_never_served_is_not_restarted() -> None:
    engine = Health(POLICY, since=0.0)
    engine.lost(1, "died")
    assert not engine.try_restart(1)


def test_an_engine_whose_start_timed_out_is_not_restarted() -> None:
    engine = health(State.HEALTHY)
    engine.lost(1, "died")
    assert engine.try_restart(1)
    engine.lost(50, "died while it loaded the model")
    assert engine.try_restart(50)
    assert engine.check(151) == "did not start within 100 s"
    engine.lost(151, "did not start within 100 s")
    assert not engine.try_restart(151)


def test_restarts_are_cleared_after_a_long_time_of_service() -> None:
    engine = health(State.HEALTHY)
    for now in (0, 200, 400, 600):
        engine.lost(now, "died")
        assert engine.try_restart(now)
        engine.started(now + 1)
        engine.acknowledged(now + 2)
        # New weights do not restart the count.
        engine.outdated(now + 90)
        engine.acknowledged(now + 91)
    assert engine.restarts == 1


def test_other_weights_make_an_engine_stale() -> None:
    engine = health(State.HEALTHY)
    engine.outdated(1)
    engine.outdated(2)
    assert engine.state is State.STALE
    assert engine.since == 1
