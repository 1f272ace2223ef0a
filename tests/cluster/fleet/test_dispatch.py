"""Dispatch of tasks: none is lost, and none is answered twice."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.fleet.dispatch import MAX_LOSSES, Dispatch


def opened(engines: int, window: int) -> Dispatch[str]:
    dispatch: Dispatch[str] = Dispatch(window)
    for engine in range(engines):
        dispatch.open(engine)
    return dispatch


def test_tasks_go_in_order_to_the_least_loaded_engine() -> None:
    dispatch = opened(2, window=2)
    dispatch.add("abcde")
    sent = [(engine, task) for engine, _, task in dispatch.assign()]
    assert sent == [(0, "a"), (1, "b"), (0, "c"), (1, "d")]
    assert dispatch.waiting == 1
    assert list(dispatch.assign()) == []


def test_an_answer_frees_capacity() -> None:
    dispatch = opened(2, window=1)
    dispatch.add("abc")
    (_, _, _), (_, second, _) = dispatch.assign()
    assert dispatch.complete(1, second)
    assert [(engine, task) for engine, _, task in dispatch.assign()] == [(1, "c")]


def test_tasks_of_a_lost_engine_are_dispatched_first() -> None:
    dispatch = opened(2, window=2)
    dispatch.add("abcdef")
    list(dispatch.assign())
    assert dispatch.requeue(0) == []
    assert len(dispatch) == 6
    dispatch.open(7)
    assert [task for _, _, task in dispatch.assign()] == ["a", "c"]


def test_a_late_answer_of_a_lost_engine_does_not_count() -> None:
    dispatch = opened(1, window=1)
    dispatch.add("a")
    ((_, ticket, _),) = dispatch.assign()
    dispatch.requeue(0)
    assert not dispatch.complete(0, ticket)
    dispatch.open(0)
    ((_, again, _),) = dispatch.assign()
    assert not dispatch.complete(0, ticket)
    assert dispatch.complete(0, again)
    assert not dispatch.complete(0, again)


def test_a_closed_engine_may_answer_but_gets_no_tasks() -> None:
    dispatch = opened(1, window=2)
    dispatch.add("abc")
    (_, ticket, _), _ = dispatch.assign()
    dispatch.close(0)
    assert dispatch.complete(0, ticket)
    assert list(dispatch.assign()) == []
    assert dispatch.engines == 0


def test_a_task_that_is_lost_too_often_is_given_up() -> None:
    dispatch = opened(1, window=1)
    dispatch.add("a")
    for losses in range(1, MAX_LOSSES + 1):
        list(dispatch.assign())
        assert dispatch.requeue(0) == (["a"] if losses == MAX_LOSSES else [])
        dispatch.open(0)
    assert len(dispatch) == 0


def test_tasks_are_not_blamed_for_an_unreachable_engine() -> None:
    dispatch = opened(1, window=1)
    dispatch.add("a")
    for _ in range(10):
        list(dispatch.assign())
        assert dispatch.requeue(0, blame=False) == []
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
            done += dispatch.requeue(engine)
            if random.random() < 0.9:
                dispatch.open(engine)
        elif dispatch.complete(engine, ticket):
            del running[engine, ticket]
            done.append(task)
        else:
            # The engine was lost meanwhile; later answers are ignored as well.
            del running[engine, ticket]
        assert all(dispatch.running(engine) <= window for engine in range(engines))
        if not dispatch.engines:
            dispatch.open(0)
    assert sorted(done, key=int) == list(map(str, range(40)))
