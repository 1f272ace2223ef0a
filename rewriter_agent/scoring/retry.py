"""Work in batches on an engine, in which one row that it cannot do costs no other row anything."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from ray.exceptions import RayTaskError

from cluster.fleet.fleet import Fleet
from cluster.types import GenerateRequest, ScoreRequest

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def map_isolating_failures(
    call: Callable[[Sequence[Item]], Sequence[Answer]],
    items: Sequence[Item],
    fleets: Callable[[], Sequence[Fleet]],
) -> list[Answer | None]:
    """Return `call(items)`, one answer per item; None for an item at which an engine fails.

    If the call fails, each item is tried by itself, since the error does not say which item caused it.

    Raises:
        RayTaskError: one of the `fleets` that the call uses fails at a minimal request, too: no item is at fault.
    """
    try:
        return list(call(items))
    except RayTaskError:
        if len(items) > 1:
            return [answer for item in items for answer in map_isolating_failures(call, [item], fleets)]
        for fleet in fleets():
            _require_working(fleet)
        return [None]


def _require_working(fleet: Fleet) -> None:
    """Send minimal requests, to check that every engine works."""
    fleet.generate([GenerateRequest([1], 1, 1.0, 0)] * len(fleet.engines))
    fleet.score([ScoreRequest([1], [1])] * len(fleet.engines))
