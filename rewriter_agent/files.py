"""Atomic writes, and shards: work that a killed run loses at most one piece of."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

T = TypeVar("T")


@contextmanager
def atomic(path: Path) -> Generator[Path]:
    """A temporary path beside `path` that takes its place when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)


@contextmanager
def exclusive(folder: Path) -> Generator[None]:
    """Hold `folder` for this process; the lock ends with the process, however it ends.

    Raises:
        ValueError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"another process works in {folder}. Wait for it, stop it, or work in another folder (for a run: "
                "--set name=...)."
            ) from None
        yield


def write_json(path: Path, data: Any) -> None:
    """Write `data` as indented JSON, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def write_jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write one JSON object a line, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file; [] where there is none. A last line still being written is left out."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]]


def write_table(path: Path, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    """Write rows as Parquet, whole or not at all."""
    with atomic(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), temporary)


def run_shards(
    items: Sequence[T],
    size: int,
    folder: Path,
    schema: pa.Schema,
    work: Callable[[Sequence[T]], list[dict[str, Any]]],
    after: Callable[[int], None],
) -> list[dict[str, Any]]:
    """Run `work` over `items` by shards of `size`, each kept as a Parquet file and not done again.

    `after(done)` is called with the count of finished items. Returns all rows in the items' order.
    """
    paths = []
    for index, start in enumerate(range(0, len(items), size)):
        path = folder / f"part-{index:05d}.parquet"
        shard = items[start : start + size]
        if not path.exists():
            write_table(path, work(shard), schema)
            after(start + len(shard))
        paths.append(path)
    return [row for path in paths for row in pq.read_table(path).to_pylist()]
