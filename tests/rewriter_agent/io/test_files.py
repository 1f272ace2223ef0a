"""Atomic writes and shards."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rewriter_agent.io.files
from rewriter_agent.io.files import (
    Shard,
    atomic,
    batches,
    exclusive,
    join_shards,
    read_jsonl,
    read_table,
    run_shards,
    write_json,
    write_jsonl,
    write_table,
)

SCHEMA = pa.schema([("item", pa.int64())])


class Doubling:
    """Work that records its items and fails at one."""

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


def shards(count: int, size: int, folder: Path, work: Doubling, side_by_side: int = 1) -> list[int]:
    """Run them, and return how many items were done when each new one was finished."""
    finished: list[Shard] = []
    paths = run_shards(batches(range(count), size), folder, SCHEMA, work, finished.append, side_by_side)
    assert [shard.path for shard in finished] == paths
    join_shards(paths, folder / "all.parquet", SCHEMA)
    return [shard.done for shard in finished if shard.new]


def joined(folder: Path) -> list[int]:
    return [row["item"] for row in read_table(folder / "all.parquet")]


def test_batches_leave_nothing_out() -> None:
    assert list(batches(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(batches([], 3)) == []


@pytest.mark.parametrize("side_by_side", [1, 2, 5])
def test_shards_keep_the_order_and_tell_what_is_done(tmp_path: Path, side_by_side: int) -> None:
    assert shards(7, 3, tmp_path, Doubling(), side_by_side) == [3, 6, 7]
    assert joined(tmp_path) == [0, 2, 4, 6, 8, 10, 12]


def test_finished_shards_are_not_done_again(tmp_path: Path) -> None:
    killed = Doubling(fails_at=4)
    with pytest.raises(RuntimeError, match="killed"):
        shards(7, 3, tmp_path, killed)
    assert killed.asked == [0, 1, 2, 3, 4, 5]
    assert names(tmp_path) == ["part-00000.parquet"]
    again = Doubling()
    assert shards(7, 3, tmp_path, again) == [6, 7]
    assert again.asked == [3, 4, 5, 6]
    assert joined(tmp_path) == [0, 2, 4, 6, 8, 10, 12]


def test_more_than_ten_shards_come_back_in_order(tmp_path: Path) -> None:
    shards(25, 2, tmp_path, Doubling())
    idle = Doubling()
    shards(25, 2, tmp_path, idle)
    assert joined(tmp_path) == [2 * item for item in range(25)]
    assert idle.asked == []


def test_shards_side_by_side_run_at_the_same_time(tmp_path: Path) -> None:
    started: list[int] = []
    gate = Event()

    def work(shard: Sequence[int]) -> list[dict[str, Any]]:
        started.append(shard[0])
        if shard[0] == 2:
            gate.set()
        assert shard[0] != 0 or gate.wait(10)
        return [{"item": item} for item in shard]

    run_shards(batches(range(10), 2), tmp_path, SCHEMA, work, lambda shard: None, side_by_side=2)
    assert sorted(started) == [0, 2, 4, 6, 8]


def test_a_joined_tables_row_groups_are_shards_put_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewriter_agent.io.files, "ROW_GROUP", 4)
    shards(7, 3, tmp_path, Doubling())
    metadata = pq.ParquetFile(tmp_path / "all.parquet").metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [6, 1]
    assert list(read_table(tmp_path / "all.parquet", ["item"]))[-1] == {"item": 12}


def test_a_folder_has_one_writer(tmp_path: Path) -> None:
    with (
        exclusive(tmp_path),
        pytest.raises(ValueError, match="another process works in"),
        exclusive(tmp_path),
    ):
        pass
    with exclusive(tmp_path):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from rewriter_agent.io.files import exclusive\n"
        "with exclusive(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(ValueError, match="another process works in"), exclusive(tmp_path):
            pass
        holder.kill()
    with exclusive(tmp_path):
        pass
