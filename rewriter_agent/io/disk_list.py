"""Sequences on disk, for data sets that do not fit into memory."""

import os
import pickle
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar, overload

T = TypeVar("T")


class DiskList(Sequence[T]):
    """Objects in a temporary file that ends with the list; memory holds eight bytes an object.

    Threads may read it side by side.
    """

    def __init__(self, items: Iterable[T] = ()) -> None:
        # No other process reads the file, so it holds what this one has pickled.
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        self._ends = array("Q", [0])
        for item in items:
            self.append(item)

    def append(self, item: T) -> None:
        """Add an object at the end."""
        data = pickle.dumps(item, protocol=pickle.HIGHEST_PROTOCOL)
        self._file.write(data)
        self._ends.append(self._ends[-1] + len(data))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        places = range(len(self))[index]
        return self._read(places) if isinstance(places, int) else list(map(self._read, places))

    def _read(self, place: int) -> T:
        start, end = self._ends[place : place + 2]
        return pickle.loads(os.pread(self._file.fileno(), end - start, start))


class Chosen(Sequence[T], Generic[T]):
    """Some objects of a sequence, by their places in it."""

    def __init__(self, items: Sequence[T], places: Sequence[int]) -> None:
        self._items = items
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[T]:
        return (self._items[place] for place in self._places)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self._items[place] for place in self._places[index]]
        return self._items[self._places[index]]
