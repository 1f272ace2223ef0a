"""Values that take an engine or a judge to compute, kept from one run to the next."""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self


class Cache(Protocol):
    """Values by key, computed if they are missing."""

    def fill(self, keys: Sequence[str], compute: Callable[[list[int]], Sequence[Any]]) -> list[Any]:
        """Return the values of `keys`, in order; `compute` takes the positions of the missing ones."""
        ...


class NoCache:
    """Computes every value and keeps none."""

    def fill(self, keys: Sequence[str], compute: Callable[[list[int]], Sequence[Any]]) -> list[Any]:
        """Compute the values of all keys."""
        return list(compute(list(range(len(keys)))))


class ValueCache:
    """A file of JSON values by key; several processes may use it at once."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The default gives up after 5 s of another process writing, which a slow disk can exceed.
        self._database = sqlite3.connect(path, timeout=60)
        # The name of the table is that of files which exist.
        self._database.execute("CREATE TABLE IF NOT EXISTS anchors (key TEXT PRIMARY KEY, value TEXT)")

    def fill(self, keys: Sequence[str], compute: Callable[[list[int]], Sequence[Any]]) -> list[Any]:
        """Return the values of `keys`, in order.

        `compute` takes the positions of the missing keys and returns their values, which are then kept. It is not
        called if no key is missing.
        """
        found = {key: self._get(key) for key in keys}
        missing = [i for i, key in enumerate(keys) if found[key] is None]
        if missing:
            computed = list(zip([keys[i] for i in missing], compute(missing), strict=True))
            with self._database:
                self._database.executemany(
                    "INSERT OR REPLACE INTO anchors VALUES (?, ?)",
                    [(key, json.dumps(value)) for key, value in computed],
                )
            found.update(computed)
        return [found[key] for key in keys]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def _get(self, key: str) -> Any:
        row = self._database.execute("SELECT value FROM anchors WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None


def cache_key(*parts: object) -> str:
    """Hash of everything that decides a value, such as model, prompt ids and sampling settings."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
