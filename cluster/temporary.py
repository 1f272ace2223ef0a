"""The folder of Ray's logs and sockets."""

import os
import tempfile
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

LONGEST_SOCKET = len("/ray/session_2026-01-01_00-00-00_000000_0000000/sockets/dash_MetricsHead")
LONGEST_PATH = 107 - LONGEST_SOCKET
"""Largest length of the folder's path in bytes: the kernel accepts socket paths of at most 107."""
DEFAULT = Path("/tmp")


def ray_folder() -> Path:
    """`$RAY_TMPDIR` if set, else the first of `$TMPDIR`, `/tmp` and a folder of this user in `/tmp` that Ray can use.

    Ray needs a short path, and a subfolder `ray` that no other user has made: it writes to files there.

    Raises:
        ValueError: `RAY_TMPDIR` is set and cannot be used, or none of the others can.
    """
    if chosen := os.environ.get("RAY_TMPDIR"):
        if fault := _fault(Path(chosen)):
            raise ValueError(
                f"RAY_TMPDIR={chosen} cannot be used: {fault}. Unset it, or name another folder."
            )
        return Path(chosen)
    faults: dict[Path, str] = {}
    for folder in _folders():
        fault = _fault(folder)
        if fault is None:
            return folder
        faults[folder] = fault
    reasons = "; ".join(f"{folder}: {fault}" for folder, fault in faults.items())
    raise ValueError(
        f"Ray has no folder for its logs and sockets ({reasons}). Set RAY_TMPDIR to a folder that you can write, with "
        f"a path of at most {LONGEST_PATH} bytes."
    )


def _folders() -> Generator[Path]:
    """Yield folders in the order of preference; the last one is made if the others cannot be used."""
    yield Path(os.environ.get("TMPDIR") or DEFAULT)
    yield DEFAULT
    own = DEFAULT / f"ray-{os.getuid()}"
    with suppress(OSError):
        own.mkdir(mode=0o700, exist_ok=True)
        if own.stat().st_uid == os.getuid():
            yield own


def can_write(folder: Path) -> bool:
    """Whether files can be created in the folder."""
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
    if not can_write(folder):
        return "no file can be written there"
    used = folder / "ray"
    return "another user's Ray works there" if used.exists() and used.stat().st_uid != os.getuid() else None
