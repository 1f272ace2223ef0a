"""One question and its reply: both sides pack and unpack with the same numbers for the same containers."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Protocol

from . import data
from .data import Node

_EXTRA_DEPTH = 4000
UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, RecursionError)
"""What reading a malformed node may raise."""


@contextmanager
def deep_recursion() -> Generator[None]:
    """Lets nested data be read and written to a depth that its program can reach too."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + _EXTRA_DEPTH)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


class Objects(Protocol):
    """Packs and unpacks values that are not plain data."""

    def pack_object(self, value: Any, exchange: "Exchange") -> Node: ...

    def unpack_object(self, tag: str, parts: list[Node], exchange: "Exchange") -> Any: ...


class Exchange:
    """Packs and unpacks the parts of one question and its reply, in the same order in both processes.

    A container that was in the question and comes back in the reply is the same object. What a reply may change
    are containers that were in the question.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._numbers: dict[int, int] = {}
        self._containers: list[Any] = []
        self._snapshots: list[tuple[Any, ...]] = []

    def pack(self, value: Any) -> Node:
        """The node of a value, and of all that it holds."""
        if value is None:
            return None
        node = data.pack_atom(value, self.pack)
        if node is not None:
            return node
        if type(value) not in data.MUTABLE and not data.is_array(value):
            return self._objects.pack_object(value, self)
        if id(value) in self._numbers:
            return ["same", self._numbers[id(value)]]
        self._note(value)
        return [*data.tag_of(value), data.content(value, self.pack)]

    def unpack(self, node: Node) -> Any:
        """The value of a node; raises one of UNREADABLE if there is none."""
        if type(node) is not list:
            if type(node) is dict:
                raise TypeError("an object is no node")
            return node
        tag, *parts = node
        if tag == "same":
            return self._containers[parts[0]]
        container = data.empty(tag, parts[:-1]) if parts else None
        if container is not None:
            self._note(container)
            data.refill(container, parts[-1], self.unpack)
            return container
        if tag in data.ATOM_TAGS:
            return data.unpack_atom(tag, parts, self.unpack)
        return self._objects.unpack_object(tag, parts, self)

    def remember(self) -> None:
        """Takes note of what all containers hold now, for `changes`."""
        self._snapshots = [data.snapshot(container) for container in self._containers]

    def changes(self) -> Node:
        """The new contents of the containers that hold something else than when `remember` was called."""
        return [
            [number, data.content(self._containers[number], self.pack)]
            for number, before in enumerate(self._snapshots)
            if not data.is_unchanged(before, self._containers[number])
        ]

    def apply(self, changes: Node, known: int) -> None:
        """Makes the first `known` containers hold what `changes` says; raises one of UNREADABLE."""
        for number, content in changes:
            if type(number) is not int or not 0 <= number < known:
                raise IndexError("only containers that were in the question can change")
            data.refill(self._containers[number], content, self.unpack)

    def known(self) -> int:
        """How many containers have a number."""
        return len(self._containers)

    def forget(self, known: int) -> None:
        """Takes the numbers of all but the first `known` containers back, for the other process never sees them."""
        for container in self._containers[known:]:
            del self._numbers[id(container)]
        del self._containers[known:]

    def _note(self, container: Any) -> None:
        self._numbers[id(container)] = len(self._containers)
        self._containers.append(container)
