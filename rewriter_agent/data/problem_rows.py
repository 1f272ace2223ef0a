"""Problems by the row of the data that they are from, most of them on disk."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from rewriter_agent.io.disk_list import Chosen, DiskList

from .problem import Problem


class RowWriter:
    """Collects the new problems of each row; memory holds a few bytes of each."""

    def __init__(self) -> None:
        self._problems = DiskList[Problem]()
        self._ids, self._rows = array("Q"), array("Q")
        self._seen = set[int]()
        self._row = 0

    def add(self, problems: Sequence[Problem]) -> int:
        """Add the problems of a row, and return how many are new."""
        new = {problem.id: problem for problem in problems if int(problem.id, 16) not in self._seen}
        for id_, problem in new.items():
            self._problems.append(problem)
            self._ids.append(int(id_, 16))
            self._rows.append(self._row)
            self._seen.add(int(id_, 16))
        self._row += bool(new)
        return len(new)

    def rows(self) -> "ProblemRows":
        """The problems that were added."""
        return ProblemRows(self._problems, np.array(self._ids, np.uint64), np.array(self._rows, np.int64))


@dataclass(frozen=True)
class ProblemRows:
    """Problems in the order of the data."""

    problems: Sequence[Problem]
    ids: np.ndarray
    row_of: np.ndarray
    """Number of each problem's row, counted without gaps."""

    @property
    def count(self) -> int:
        """Number of rows."""
        return int(self.row_of[-1]) + 1 if len(self.row_of) else 0

    def without(self, others: "ProblemRows") -> "ProblemRows":
        """The problems that the others do not have."""
        return self._where(~np.isin(self.ids, others.ids))

    def drawn(self, count: int | None, seed: int) -> "ProblemRows":
        """Problems of `count` rows in their old order; a larger count draws the same ones and more."""
        return self if count is None or count >= self.count else self._where(self._is_drawn(count, seed))

    def split(self, count: int, seed: int) -> tuple["ProblemRows", "ProblemRows"]:
        """Problems of the rows that `drawn` leaves, and of the rows that it draws."""
        is_drawn = self._is_drawn(count, seed)
        return self._where(~is_drawn), self._where(is_drawn)

    def _is_drawn(self, count: int, seed: int) -> np.ndarray:
        order = list(range(self.count))
        Random(seed).shuffle(order)
        return np.isin(self.row_of, order[:count])

    def _where(self, kept: np.ndarray) -> "ProblemRows":
        if kept.all():
            return self
        places, rows = np.flatnonzero(kept), np.unique(self.row_of[kept], return_inverse=True)[1]
        return ProblemRows(Chosen(self.problems, array("Q", places.tolist())), self.ids[kept], rows)
