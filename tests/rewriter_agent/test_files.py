"""Atomic writes and shards."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rewriter_agent.files import (
    atomic,
    exclusive,
    read_jsonl,
    run_shards,
    write_json,
    write_jsonl,
    write_table,
)

SCHEMA = pa.schema([("item", pa.int64())])


class Doubling:
    """Work that remembers what it was asked and fails at one item."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.fails_at = fails_at
        self.asked: list[int] = []

    def __call__(self, shard: Sequence[int]) -> list[dict[str, Any]]:
        self.asked += shard
        if self.fails_at in shard:
            raise RuntimeError("killed")
        return [{"item": 2 * item} for item in shard]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_half(path: Path, *inside: str) -> None:
    with atomic(path) as temporary:
        target = temporary.joinpath(*inside)
        target.parent.mkdir(exist_ok=True)
        target.write_text("ha")
        raise RuntimeError("half")


def test_atomic_puts_a_file_in_place(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.txt"
    with atomic(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert names(target.parent) == ["file.txt"]


def test_atomic_leaves_nothing_on_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="half"):
        write_half(tmp_path / "file.txt")
    assert names(tmp_path) == []


def test_atomic_keeps_the_old_file_on_an_error(tmp_path: Path) -> None:
    target = tmp_path / "data.json"
    write_json(target, {"old": 1})
    with pytest.raises(TypeError):
        write_json(target, {"new": object()})
    assert target.read_text() == '{\n  "old": 1\n}\n'
    assert names(tmp_path) == ["data.json"]


def test_atomic_folder(tmp_path: Path) -> None:
    with atomic(tmp_path / "model") as temporary:
        temporary.mkdir()
        (temporary / "weights").write_text("w")
    assert (tmp_path / "model" / "weights").read_text() == "w"
    with pytest.raises(RuntimeError, match="half"):
        write_half(tmp_path / "other", "weights")
    assert names(tmp_path) == ["model"]


def test_jsonl_round_trip_and_the_line_cut_by_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    assert read_jsonl(path) == []
    rows = [{"text": "a\nb\u2028c é"}, {"n": 1.5}]
    write_jsonl(path, rows)
    assert read_jsonl(path) == rows
    with path.open("a") as file:
        file.write('{"step": 3, "lo')
    assert read_jsonl(path) == rows


def test_a_table_that_does_not_fit_its_schema_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(pa.ArrowInvalid):
        write_table(tmp_path / "t.parquet", [{"item": "text"}], SCHEMA)
    assert names(tmp_path) == []


def test_shards_keep_the_order_and_tell_what_is_done(tmp_path: Path) -> None:
    done: list[int] = []
    rows = run_shards(range(7), 3, tmp_path, SCHEMA, Doubling(), done.append)
    assert [row["item"] for row in rows] == [0, 2, 4, 6, 8, 10, 12]
    assert done == [3, 6, 7]


def test_finished_shards_are_not_done_again(tmp_path: Path) -> None:
    killed, done = Doubling(fails_at=4), []
    with pytest.raises(RuntimeError, match="killed"):
        run_shards(range(7), 3, tmp_path, SCHEMA, killed, done.append)
    assert (killed.asked, done) == ([0, 1, 2, 3, 4, 5], [3])
    again = Doubling()
    rows = run_shards(range(7), 3, tmp_path, SCHEMA, again, done.append)
    assert again.asked == [3, 4, 5, 6]
    assert done == [3, 6, 7]
    assert [row["item"] for row in rows] == [0, 2, 4, 6, 8, 10, 12]


def test_more_than_ten_shards_come_back_in_order(tmp_path: Path) -> None:
    run_shards(range(25), 2, tmp_path, SCHEMA, Doubling(), lambda done: None)
    idle = Doubling()
    rows = run_shards(range(25), 2, tmp_path, SCHEMA, idle, lambda done: None)
    assert [row["item"] for row in rows] == [2 * item for item in range(25)]
    assert idle.asked == []


def test_a_folder_has_one_writer(tmp_path: Path) -> None:
    with (
        exclusive(tmp_path),
        pytest.raises(ValueError, match="another process works in"),
        exclusive(tmp_path),
    ):
        pass
    with exclusive(tmp_path):
        pass
