"""Folders that are built once and kept."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path


def cache_root() -> Path:
    """`$REWRITER_AGENT_CACHE`, or `~/.cache/rewriter-agent`."""
    return Path(os.environ.get("REWRITER_AGENT_CACHE") or Path.home() / ".cache" / "rewriter-agent")


def cached_folder(root: Path, name: str, build: Callable[[Path], None]) -> Path:
    """The folder `root/name`, filled by `build(folder)` where it is not there yet.

    It appears by a rename after `build` has returned, so a folder that exists is complete; processes that
    ask at the same time wait for the first one.
    """
    target, partial = root / name, root / f"{name}.partial"
    root.mkdir(parents=True, exist_ok=True)
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            build(partial)
            partial.rename(target)
    return target
