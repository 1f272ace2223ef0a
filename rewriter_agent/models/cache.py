"""Folders that are built once and kept."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from rewriter_agent.user_errors import writing


def cache_root() -> Path:
    """`$REWRITER_AGENT_CACHE`, or `~/.cache/rewriter-agent`."""
    return Path(os.environ.get("REWRITER_AGENT_CACHE") or Path.home() / ".cache" / "rewriter-agent")


def cached_folder(root: Path, name: str, build: Callable[[Path], None]) -> Path:
    """Return the folder `root/name`; `build(folder)` fills it if it does not exist.

    It appears by a rename after `build` has returned, so a folder that exists is complete. Concurrent callers wait
    for the first one.
    """
    target, partial = root / name, root / f"{name}.partial"
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f"{name}.lock", fallback_to_soft=False):
        if not target.exists():
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            try:
                with writing(partial):
                    build(partial)
                partial.rename(target)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    return target
