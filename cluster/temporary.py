"""The folder in which Ray keeps logs and sockets of a cluster."""

import os
import tempfile
from pathlib import Path

LONGEST_SOCKET = len("/ray/session_2026-01-01_00-00-00_000000_0000000/sockets/dash_MetricsHead")
LONGEST_PATH = 107 - LONGEST_SOCKET
"""Bytes of the folder's path: the kernel takes socket paths of at most 107."""
DEFAULT = Path("/tmp")


def ray_folder() -> Path:
    """`$RAY_TMPDIR`, else `$TMPDIR` or `/tmp`: the first that can be written and whose path is short enough.

    Raises:
        ValueError: `RAY_TMPDIR` cannot be used, or none of them can.
    """
    if chosen := os.environ.get("RAY_TMPDIR"):
        if fault := _fault(Path(chosen)):
            raise ValueError(
                f"RAY_TMPDIR={chosen} cannot be used: {fault}. Unset it, or name another folder."
            )
        return Path(chosen)
    folders = [Path(os.environ.get("TMPDIR") or DEFAULT), DEFAULT]
    faults = {folder: _fault(folder) for folder in folders}
    for folder, fault in faults.items():
        if fault is None:
            return folder
    told = "; ".join(f"{folder}: {fault}" for folder, fault in faults.items())
    raise ValueError(
        f"Ray has no folder for its logs and sockets ({told}). Let RAY_TMPDIR name a folder that you can write, with a "
        f"path of at most {LONGEST_PATH} bytes."
    )


def can_write(folder: Path) -> bool:
    """Whether files can be made in the folder."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _fault(folder: Path) -> str | None:
    length = len(os.fsencode(folder))
    if not folder.is_absolute():
        return "the path is not absolute"
    if length > LONGEST_PATH:
        return f"the path has {length} bytes, more than the {LONGEST_PATH} that leave room for sockets' names"
    if not folder.is_dir():
        return "there is no such folder"
    return None if can_write(folder) else "no file can be written there"
