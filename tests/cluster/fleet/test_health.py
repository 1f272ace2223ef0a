"""The state machine of an engine, event by event."""

import pytest

from cluster.fleet.health import NEXT, Health, HealthPolicy, State

POLICY = HealthPolicy(start_seconds=100, suspect_seconds=10, dead_seconds=30, max_restarts=2)


def health(state: State = State.RESTARTING, since: float = 0.0) -> Health:
    return Health(POLICY, since, state=state, proven=True, seen=since, progress=(0, since))


def test_nothing_leads_from_death_to_work_but_a_start_and_an_acknowledgement() -> None:
    reached, ways = {State.DEAD}, [[State.DEAD]]
    while ways:
        way = ways.pop()
        for state in NEXT[way[-1]]:
            if state is State.HEALTHY:
                assert way[-2:] == [State.RESTARTING, State.STALE] or State.HEALTHY in way
            if state not in reached:
                reached.add(state)
                ways.append([*way, state])
    assert reached == set(State)


def test_an_engine_starts_acknowledges_and_works() -> None:
    engine = health()
    engine.started(5)
    assert engine.state is State.STALE
    engine.acknowledged(6)
    assert engine.state is State.HEALTHY


@pytest.mark.parametrize("state", [State.RESTARTING, State.DEAD, State.RETIRED])
def test_only_a_stale_or_silent_engine_becomes_healthy(state: State) -> None:
    with pytest.raises(AssertionError, match="no way"):
        health(state).acknowledged(1)


def test_a_silent_engine_is_suspected_then_given_up() -> None:
    engine = health(State.HEALTHY)
    assert engine.check(10) is None
    assert engine.state is State.HEALTHY
    assert engine.check(11) is None
    assert engine.state is State.SUSPECT
    assert engine.check(30) is None
    assert engine.check(31) == "gave no sign of life for 30 s"


def test_a_suspected_engine_that_is_heard_of_works_on() -> None:
    engine = health(State.HEALTHY)
    engine.check(11)
    engine.alive(12, steps=1, working=True)
    assert engine.state is State.HEALTHY
    assert engine.check(22) is None
    assert engine.state is State.HEALTHY


def test_an_engine_that_answers_but_gets_no_further_is_given_up() -> None:
    engine = health(State.HEALTHY)
    for now in range(0, 31, 5):
        engine.alive(now, steps=7, working=True)
        assert engine.check(now) is None
    engine.alive(40, steps=7, working=True)
    assert engine.check(40) == "made no progress for 30 s"


def test_an_idle_engine_need_make_no_progress() -> None:
    engine = health(State.HEALTHY)
    for now in range(0, 200, 5):
        engine.alive(now, steps=7, working=False)
        assert engine.check(now) is None


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (State.RESTARTING, "did not start within 100 s"),
        (State.STALE, "did not load the weights within 100 s"),
    ],
)
def test_a_start_may_take_only_so_long(state: State, reason: str) -> None:
    assert health(state).check(100) is None
    assert health(state).check(101) == reason


def test_restarts_are_bounded() -> None:
    engine = health(State.HEALTHY)
    for number in (1, 2):
        engine.lost(1, "died")
        assert engine.restarted(1)
        assert engine.restarts == number
        engine.started(2)
        engine.acknowledged(3)
    engine.lost(4, "died again")
    assert not engine.restarted(4)
    assert engine.state is State.RETIRED
    assert engine.reason == "died again"
    assert engine.check(1000) is None


def test_an_engine_that_never_worked_is_not_started_again() -> None:
    engine = Health(POLICY, since=0.0)
    engine.lost(1, "died")
    assert not engine.restarted(1)


def test_an_engine_that_did_not_start_in_time_is_not_started_again() -> None:
    engine = health(State.HEALTHY)
    engine.lost(1, "died")
    assert engine.restarted(1)
    engine.lost(50, "died while it loaded the model")
    assert engine.restarted(50)
    assert engine.check(151) == "did not start within 100 s"
    engine.lost(151, "did not start within 100 s")
    assert not engine.restarted(151)


def test_restarts_of_an_engine_that_has_worked_long_are_forgotten() -> None:
    engine = health(State.HEALTHY)
    for now in (0, 200, 400, 600):
        engine.lost(now, "died")
        assert engine.restarted(now)
        engine.started(now + 1)
        engine.acknowledged(now + 2)
        # Other weights are no new beginning.
        engine.outdated(now + 90)
        engine.acknowledged(now + 91)
    assert engine.restarts == 1


def test_other_weights_make_an_engine_stale() -> None:
    engine = health(State.HEALTHY)
    engine.outdated(1)
    engine.outdated(2)
    assert engine.state is State.STALE
    assert engine.since == 1
