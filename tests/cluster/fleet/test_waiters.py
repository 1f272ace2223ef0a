"""Futures that wait for a condition."""

from concurrent.futures import Future

import pytest

from cluster.fleet.waiters import Waiters


def test_a_future_is_done_when_its_condition_holds() -> None:
    waiters, holds = Waiters(), {"first": False, "second": True}
    first, second = Future[None](), Future[None]()
    waiters.add(lambda: holds["first"], first)
    waiters.add(lambda: holds["second"], second)
    waiters.resolve()
    assert (first.done(), second.done(), len(waiters)) == (False, True, 1)
    holds["first"] = True
    waiters.resolve()
    assert (first.done(), len(waiters)) == (True, 0)


def test_an_error_ends_every_future() -> None:
    waiters, future = Waiters(), Future[None]()
    waiters.add(lambda: False, future)
    waiters.fail(RuntimeError("gone"))
    with pytest.raises(RuntimeError, match="gone"):
        future.result(0)
    assert not waiters
