"""Assignment of items to the parts of the world, by their content alone."""

import hashlib
from collections.abc import Callable
from random import Random
from typing import Literal, Protocol, TypeVar

Part = Literal["pretrain", "train", "test"]
"""`pretrain` makes the backbone, `train` the experiments, `test` measures them (task and retention)."""

SHARES: tuple[tuple[Part, int], ...] = (("test", 10), ("train", 25), ("pretrain", 65))
"""Percent of all possible items."""
PATIENCE = 5000
"""Consecutive useless draws after which a part counts as exhausted; the smallest needs about ten per item."""


class Keyed(Protocol):
    """An item that can be split: two items that ask for the same thing in other words share their `key`."""

    @property
    def key(self) -> str: ...


T = TypeVar("T", bound=Keyed)


def part_of(key: str) -> Part:
    """Part that a key belongs to; stable across machines and versions."""
    place = place_of(key)
    for part, share in SHARES:
        if place < share:
            return part
        place -= share
    raise AssertionError("the shares add up to 100")


def place_of(key: str) -> int:
    """Place of a key among 100, by its hash."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % 100


def draw_from(part: Part, draw: Random, make: Callable[[Random], T]) -> T:
    """Draw items with `make(draw)` until one belongs to `part`.

    Raises ValueError when there seems to be none.
    """
    for _ in range(PATIENCE):
        item = make(draw)
        if part_of(item.key) == part:
            return item
    raise ValueError(
        f"no item of the part {part!r} in {PATIENCE} draws: the generator makes too few different ones; "
        "widen its ranges"
    )


def distinct_from(part: Part, count: int, seed: str, make: Callable[[Random], T]) -> list[T]:
    """`count` items of `part` with different keys, the same for the same seed; a larger count adds to them.

    Raises ValueError when there are fewer.
    """
    return distinct(part, count, seed, lambda draw: draw_from(part, draw, make))


def distinct(part: Part, count: int, seed: str, make: Callable[[Random], T]) -> list[T]:
    """`distinct_from` with items that `make` draws from `part` alone."""
    draw = Random(seed)
    found: dict[str, T] = {}
    useless = 0
    while len(found) < count:
        item = make(draw)
        useless = useless + 1 if item.key in found else 0
        found.setdefault(item.key, item)
        if useless > PATIENCE:
            raise ValueError(
                f"{count} different items of the part {part!r} were asked for, but there seem to be only "
                f"{len(found)}; ask for fewer"
            )
    return list(found.values())
