"""Items over and over, each pass in an order of its own that follows from the seed."""

import random
from collections.abc import Iterator, Sequence
from itertools import count
from typing import TypeVar

Item = TypeVar("Item")


def passes(items: Sequence[Item], seed: int) -> Iterator[Item]:
    """Endless; every item once in each pass."""
    for number in count():
        yield from random.Random(f"{seed}/{number}").sample(items, len(items))
