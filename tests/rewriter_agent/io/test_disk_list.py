"""Sequences on disk."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from rewriter_agent.io.disk_list import Chosen, DiskList


def test_objects_come_back_as_they_were() -> None:
    items = [("a", 1), {"text": "x" * 10_000}, None, "\ud83d"]
    found = DiskList(items)
    assert list(found) == items
    assert len(found) == 4
    assert (found[1], found[-1], found[1:3]) == (items[1], items[-1], items[1:3])
    with pytest.raises(IndexError):
        found[4]
    found.append("last")
    assert list(found) == [*items, "last"]
    assert list(DiskList[str]()) == []


def test_threads_read_side_by_side() -> None:
    items = [f"{number} " * number for number in range(300)]
    found = DiskList(items)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(found.__getitem__, [*range(300)] * 20)) == items * 20


def test_chosen_objects_are_those_at_the_places() -> None:
    found = Chosen(DiskList("abcde"), [0, 2, 4])
    assert (list(found), len(found), found[-1], found[1:]) == (["a", "c", "e"], 3, "e", ["c", "e"])
    with pytest.raises(IndexError):
        found[3]
