"""Items at which an engine fails, and engines that fail at every item."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ray.exceptions import RayTaskError

from cluster.fleet.fleet import Fleet
from rewriter_agent.scoring.retry import map_isolating_failures


def fail(*_: Any) -> None:
    raise RayTaskError("score", "", ValueError("no such token"))


def lengths(items: Sequence[str]) -> list[int]:
    """Lengths of the items; one bad item fails the call."""
    if "bad" in items:
        fail()
    return [len(item) for item in items]


@pytest.mark.parametrize(
    ("items", "answers"),
    [(["bad"], [None]), (["bad", "four"], [None, 4]), (["one", "bad", "four", "bad"], [3, None, 4, None])],
)
def test_only_the_items_at_fault_have_no_answer(items: list[str], answers: list[int | None]) -> None:
    assert map_isolating_failures(lengths, items, list) == answers


def test_an_engine_that_fails_at_any_request_is_at_fault() -> None:
    broken = cast(Fleet, SimpleNamespace(engines=[0], generate=lambda _: [], score=fail))
    with pytest.raises(RayTaskError):
        map_isolating_failures(lengths, ["bad"], lambda: [broken])
