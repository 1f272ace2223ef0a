"""Tasks to engines: none lost, none answered twice."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.fleet.dispatch import MOST_LOSSES, Dispatch


def opened(engines: int, window: int) -> Dispatch[str]:
    dispatch: Dispatch[str] = Dispatch(window)
    for engine in range(engines):
        dispatch.open(engine)
    return dispatch


def test_tasks_go_in_order_to_those_that_have_fewest() -> None:
    dispatch = opened(2, window=2)
    dispatch.add("abcde")
    sent = [(engine, task) for engine, _, task in dispatch.assign()]
    assert sent == [(0, "a"), (1, "b"), (0, "c"), (1, "d")]
    assert dispatch.waiting == 1
    assert list(dispatch.assign()) == []


def test_an_answer_makes_room() -> None:
    dispatch = opened(2, window=1)
    dispatch.add("abc")
    (_, _, _), (_, second, _) = dispatch.assign()
    assert dispatch.answered(1, second)
    assert [(engine, task) for engine, _, task in dispatch.assign()] == [(1, "c")]


def test_what_a_lost_engine_had_goes_first_to_another() -> None:
    dispatch = opened(2, window=2)
    dispatch.add("abcdef")
    list(dispatch.assign())
    assert dispatch.lost(0) == []
    assert len(dispatch) == 6
    dispatch.open(7)
    assert [task for _, _, task in dispatch.assign()] == ["a", "c"]


def test_a_late_answer_of_a_lost_engine_does_not_count() -> None:
    dispatch = opened(1, window=1)
    dispatch.add("a")
    ((_, ticket, _),) = dispatch.assign()
    dispatch.lost(0)
    assert not dispatch.answered(0, ticket)
    dispatch.open(0)
    ((_, again, _),) = dispatch.assign()
    assert not dispatch.answered(0, ticket)
    assert dispatch.answered(0, again)
    assert not dispatch.answered(0, again)


def test_a_closed_engine_may_answer_and_gets_nothing() -> None:
    dispatch = opened(1, window=2)
    dispatch.add("abc")
    (_, ticket, _), _ = dispatch.assign()
    dispatch.close(0)
    assert dispatch.answered(0, ticket)
    assert list(dispatch.assign()) == []
    assert dispatch.engines == 0


def test_what_is_lost_too_often_is_given_up() -> None:
    dispatch = opened(1, window=1)
    dispatch.add("a")
    for losses in range(1, MOST_LOSSES + 1):
        list(dispatch.assign())
        assert dispatch.lost(0) == (["a"] if losses == MOST_LOSSES else [])
        dispatch.open(0)
    assert len(dispatch) == 0


def test_an_engine_that_cannot_be_reached_is_not_blamed_on_its_tasks() -> None:
    dispatch = opened(1, window=1)
    dispatch.add("a")
    for _ in range(10):
        list(dispatch.assign())
        assert dispatch.lost(0, blame=False) == []
        dispatch.open(0)
    assert len(dispatch) == 1


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 3))
def test_every_task_is_answered_once_or_given_up(seed: int, engines: int, window: int) -> None:
    random, dispatch = Random(seed), opened(engines, window)
    dispatch.add(map(str, range(40)))
    done: list[str] = []
    running: dict[tuple[int, int], str] = {}
    while len(dispatch):
        for engine, ticket, task in dispatch.assign():
            running[engine, ticket] = task
        (engine, ticket), task = random.choice(list(running.items()))
        if random.random() < 0.2:
            done += dispatch.lost(engine)
            if random.random() < 0.9:
                dispatch.open(engine)
        elif dispatch.answered(engine, ticket):
            del running[engine, ticket]
            done.append(task)
        else:
            # Its engine was lost meanwhile; another answer of it would not count either.
            del running[engine, ticket]
        assert all(dispatch.running(engine) <= window for engine in range(engines))
        if not dispatch.engines:
            dispatch.open(0)
    assert sorted(done, key=int) == list(map(str, range(40)))
