"""Atomic writes, and sharded work of which a killed run loses at most the shards in progress."""

import json
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from rewriter_agent.user_errors import blaming, writing

T = TypeVar("T")
REDO = "Delete the folder that it is in; the same command makes it again."
ROW_GROUP = 1000
"""Minimum rows of a row group in a joined file."""


@contextmanager
def atomic(path: Path) -> Generator[Path]:
    """Yield a temporary path next to `path` that replaces it when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with writing(path):
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

    A full disk is told by the path that is full: the folder, or where libraries put temporary files and caches.

    Raises:
        ValueError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # A soft lock, which filelock takes on file systems without flock, would survive a killed process.
    lock = FileLock(folder / ".lock", blocking=False, fallback_to_soft=False)
    try:
        held = lock.acquire()
    except Timeout:
        raise ValueError(
            f"another process works in {folder}. Wait for it, stop it, or work in another folder (for a run: "
            "--set name=...)."
        ) from None
    with held, writing(folder, Path(tempfile.gettempdir()), Path.home()):
        yield


def write_json(path: Path, data: Any) -> None:
    """Write `data` as indented JSON, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object a line, whole or not at all."""
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8") as lines:
        for row in rows:
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Value of a JSON file in a run folder.

    Raises:
        ValueError: it is damaged.
    """
    with blaming(f"{path} is damaged", REDO):
        return json.loads(path.read_text(encoding="utf-8"))


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a JSONL file; [] if there is no file. A last line still being written is left out."""
    if not path.exists():
        return []
    with blaming(f"{path} is damaged", REDO):
        return [json.loads(line) for line in path.read_text().split("\n")[:-1]]


def write_table(path: Path, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    """Write rows as Parquet, whole or not at all."""
    with atomic(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), temporary)


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """`items` in lists of `size`, the last one shorter; no more than one is held."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def read_table(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file, one row group in memory at a time."""
    with blaming(f"{path} is damaged", REDO):
        file = pq.ParquetFile(path)
    with file:
        for group in range(file.num_row_groups):
            with blaming(f"{path} is damaged", REDO):
                rows = file.read_row_group(group, columns=columns).to_pylist()
            yield from rows


@dataclass(frozen=True)
class Shard:
    """A finished shard."""

    path: Path
    done: int
    """Number of items in this and all earlier shards."""
    new: bool
    """True if the shard was computed now, False if it was found."""


def run_shards(
    shards: Iterable[Sequence[T]],
    folder: Path,
    schema: pa.Schema,
    work: Callable[[Sequence[T]], list[dict[str, Any]]],
    after: Callable[[Shard], None],
    side_by_side: int = 1,
) -> list[Path]:
    """Run `work` on each shard and keep its rows as a Parquet file; see `make_shards`."""

    def make(items: Sequence[T], path: Path) -> None:
        write_table(path, work(items), schema)

    return make_shards(shards, folder, make, after, side_by_side, suffix=".parquet")


def make_shards(
    shards: Iterable[Sequence[T]],
    folder: Path,
    make: Callable[[Sequence[T], Path], None],
    after: Callable[[Shard], None],
    side_by_side: int = 1,
    suffix: str = "",
) -> list[Path]:
    """Make a file or a folder of each shard that has none yet, and return all paths in order.

    Args:
        shards: Items of each shard.
        folder: Parent folder of the shards.
        make: Writes one shard to a path, whole or not at all.
        after: Called for each shard in order, also for a shard that existed.
        side_by_side: Shards in progress at a time, each in a thread.
        suffix: End of each shard's name.
    """
    finished: list[Path] = []
    running: deque[Future[Shard]] = deque()

    def finish_oldest() -> None:
        shard = running.popleft().result()
        after(shard)
        finished.append(shard.path)

    def finish(path: Path, items: Sequence[T], done: int) -> Shard:
        new = not path.exists()
        if new:
            make(items, path)
        return Shard(path, done, new)

    pool = ThreadPoolExecutor(side_by_side)
    done = 0
    try:
        for index, items in enumerate(shards):
            done += len(items)
            running.append(pool.submit(finish, folder / f"part-{index:05d}{suffix}", items, done))
            if len(running) >= side_by_side:
                finish_oldest()
        while running:
            finish_oldest()
    finally:
        # Interrupted: running shards end with the engines that they wait for.
        pool.shutdown(wait=False, cancel_futures=True)
    return finished


def join_shards(paths: Sequence[Path], path: Path, schema: pa.Schema) -> None:
    """Write the shards' rows as one Parquet file, in row groups of at least `ROW_GROUP`, whole or not at all."""
    # No statistics: the minimum and maximum of a text column are large, unused, and all kept by the writer.
    with atomic(path) as temporary, pq.ParquetWriter(temporary, schema, write_statistics=False) as writer:
        waiting: list[pa.Table] = []
        for shard in paths:
            waiting.append(pq.read_table(shard))
            if sum(table.num_rows for table in waiting) >= ROW_GROUP:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting))
