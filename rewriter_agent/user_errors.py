"""Errors that a user can cause and fix; every other error is a fault of the program."""

import errno
import math
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

MAX_MESSAGE = 4000
"""Maximum characters of a message, which may quote hostile input."""
MAX_QUOTED = 300
"""Maximum characters of a value or of another program's message within one of ours."""
RESUME = "Completed work is kept: re-run the same command to resume."

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
NO_SPACE_TEXTS = (
    "No space left on device",
    "Disk quota exceeded",
    "database or disk is full",
    "disk I/O error",
    # PyTorch's zip writer does not report why a write failed.
    "] . unexpected pos",
    "PytorchStreamWriter failed",
    "requested and 0 written",
)
RAY_NOT_STARTED = "timed out during startup"
"""Part of the message of Ray's error for a node that did not start: its class is `Exception`."""
WRITERS = ("safetensors.SafetensorError", "sqlite3.OperationalError", "pyarrow.lib.ArrowException")
"""Errors by which libraries report a full disk without an OSError and its number."""
PATH_ERRORS: dict[int, str] = {
    errno.EACCES: "give this user the right to use it, or name another path",
    errno.EPERM: "give this user the right to use it, or name another path",
    errno.EROFS: "its disk is read-only; name a path on another one",
    errno.ENOENT: "restore it, or name another path",
    errno.ENOTDIR: "a part of the path is a file; name another path",
    errno.EISDIR: "name a file",
    errno.EEXIST: "remove it, or name another path",
    errno.ELOOP: "its symbolic links form a circle; name another path",
    errno.ENAMETOOLONG: "name a shorter path",
    errno.EFBIG: "files of this size are not allowed there; name another path",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "close other programs: the machine has too many files open",
}
"""Advice by the number of an OSError that names a path."""

NETWORK = "Check the name, the network and HF_TOKEN; offline, only the cache and local folders can be used."
NOT_STARTED = (
    "Engines that never worked are not started again: change what the message names, or give another model "
    "(model.name_or_path), model.dtype, model.max_model_len or cluster.device."
)
CLASSES: dict[str, str] = {
    "cluster.fleet.supervisor.EnginesNotStartedError": NOT_STARTED,
    "cluster.fleet.supervisor.EnginesLostError": RESUME,
    "cluster.head.HeadNotStartedError": "The machine may be overloaded: try again.",
    "huggingface_hub.errors.HfHubHTTPError": NETWORK,
    "huggingface_hub.errors.OfflineModeIsEnabled": NETWORK,
    "huggingface_hub.errors.LocalEntryNotFoundError": NETWORK,
    "httpx2.TransportError": NETWORK,
    "requests.exceptions.RequestException": NETWORK,
    "datasets.exceptions.DatasetsError": NETWORK,
    "yaml.error.YAMLError": "Correct the YAML.",
    "safetensors.SafetensorError": "Copy or download the model's files again.",
}
"""Advice by the name of an exception class or of a base class; names avoid importing the libraries."""


def user_message(error: BaseException) -> str | None:
    """Return the message of an error that the user can fix, even if a Ray worker raised it; else None."""
    messages = (_own_message(cause) for cause in _with_causes(error, set()))
    return next((printable(message, MAX_MESSAGE) for message in messages if message is not None), None)


def _with_causes(error: BaseException, seen: set[int]) -> Generator[BaseException]:
    """Yield the error and everything that caused it, each once: causes may form a cycle."""
    if id(error) in seen:
        return
    seen.add(id(error))
    yield error
    # Ray stores the errors of tasks and workers in attributes of its own.
    causes = [error.__cause__, getattr(error, "cause", None), *getattr(error, "worker_failures", {}).values()]
    for cause in causes:
        if cause is not None:
            yield from _with_causes(cause, seen)


@contextmanager
def blaming(what: str, change: str) -> Generator[None]:
    """Turn any error within into a ValueError about `what`, an input of the user, with the advice `change`.

    Use it around libraries that parse untrusted input, which may raise any error.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, MemoryError) or _is_full(error):
            raise
        raise ValueError(f"{what} ({quoted(error)}). {change}") from error


@contextmanager
def writing(*paths: Path) -> Generator[None]:
    """Have the error of a disk that fills within name a path: of those given, the one with the least space left.

    An error that names a file itself is left alone.
    """
    try:
        yield
    except Exception as error:
        is_full = any(_is_full(cause) for cause in _with_causes(error, set()))
        if not is_full or _full_path(error) is not None:
            raise
        fullest = min(paths, key=_free_bytes)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(fullest)) from error


def quoted(error: BaseException) -> str:
    """Quote another program's message on one line, truncated."""
    text = printable(" ".join(str(error).split()), MAX_QUOTED)
    is_sentence = isinstance(error, OSError | ValueError | RuntimeError) or type(error) is Exception
    return text if text and is_sentence else f"{type(error).__name__}: {text}"


def printable(text: str, length: int) -> str:
    """Truncate `text` to about `length` characters and escape control characters, which a terminal would obey."""
    # The end is kept, since it holds the advice.
    cut = text if len(text) <= length else f"{text[: length * 3 // 4]}...{text[-length // 4 :]}"
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in cut)


def _own_message(error: BaseException) -> str | None:
    if _is_full(error):
        where = _full_path(error) or f"the run folder, or {tempfile.gettempdir()}"
        return f"no disk space left: {where}. Free some, then re-run the same command to resume."
    if isinstance(error, OSError) and error.errno in PATH_ERRORS and error.filename is not None:
        return f"{error.filename}: {error.strerror}; {PATH_ERRORS[error.errno]}"
    # Ray Train's attribute for a worker that died.
    if (died := getattr(error, "health_check_failure", None)) is not None:
        why = str(died).strip().split("\n")[0]
        return f"a training process died, once more than cluster.max_failures allows ({why}). {RESUME}"
    # pydantic's errors are ValueErrors too, but a config error has been explained before.
    if type(error) is ValueError:
        return str(error)
    if type(error) is Exception and RAY_NOT_STARTED in str(error):
        return f"Ray did not start on this machine ({quoted(error)}). It may be overloaded: try again."
    names = [_name(kind) for kind in type(error).__mro__]
    change = next((CLASSES[name] for name in names if name in CLASSES), None)
    return None if change is None else f"{str(error).rstrip('. ')}. {change}"


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in NO_SPACE
    told = isinstance(error, OSError | RuntimeError) or _name(type(error)) in WRITERS
    return told and any(text in str(error) for text in NO_SPACE_TEXTS)


def _full_path(error: BaseException) -> str | None:
    """Path that an error of a full disk or one of its causes names."""
    full = (cause for cause in _with_causes(error, set()) if _is_full(cause))
    return next((path for cause in full if (path := getattr(cause, "filename", None))), None)


def _free_bytes(path: Path) -> float:
    """Space on the disk of a path, which may not exist yet."""
    existing = next((folder for folder in (path, *path.absolute().parents) if folder.exists()), None)
    return math.inf if existing is None else shutil.disk_usage(existing).free


def _name(kind: type) -> str:
    """Public name: a library may define a class in a private module."""
    module = ".".join(part for part in kind.__module__.split(".") if not part.startswith("_"))
    return f"{module}.{kind.__qualname__}"
