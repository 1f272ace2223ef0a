"""Errors that a user can cause and mend, named once; every other error is a fault of the program."""

import errno
import tempfile
from collections.abc import Generator
from contextlib import contextmanager

MAX_MESSAGE = 4000
"""Characters of a message; hostile input may be quoted in it."""
MAX_QUOTED = 300
"""Characters of another program's message, or of a value, inside one of ours."""
RESUME = "What was done is kept: the same command resumes."

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
NO_SPACE_TEXTS = (
    "No space left on device",
    "Disk quota exceeded",
    "database or disk is full",
    "disk I/O error",
    # Torch's writer of zip files, which does not pass on why a write has failed.
    "] . unexpected pos",
    "PytorchStreamWriter failed",
    "requested and 0 written",
)
WRITERS = ("safetensors.SafetensorError", "sqlite3.OperationalError", "pyarrow.lib.ArrowException")
"""What libraries say of a full disk that do not raise an OSError with its number."""
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
"""What to change, by the number of an OSError that names a path."""

NETWORK = "Check the name, the network and HF_TOKEN; offline, only what is in the cache or a local folder can be used."
NOT_STARTED = (
    "Engines that never worked are not started again: change what the message names, or give another model "
    "(model.name_or_path), model.dtype, model.max_model_len or cluster.device."
)
CLASSES: dict[str, str] = {
    "cluster.fleet.supervisor.EnginesNotStartedError": NOT_STARTED,
    "cluster.fleet.supervisor.EnginesLostError": RESUME,
    "huggingface_hub.errors.HfHubHTTPError": NETWORK,
    "huggingface_hub.errors.OfflineModeIsEnabled": NETWORK,
    "huggingface_hub.errors.LocalEntryNotFoundError": NETWORK,
    "httpx2.TransportError": NETWORK,
    "requests.exceptions.RequestException": NETWORK,
    "datasets.exceptions.DatasetsError": NETWORK,
    "yaml.error.YAMLError": "Mend the YAML.",
    "safetensors.SafetensorError": "Copy or download the model's files again.",
}
"""What to change, by the name of a library's class or of one that it inherits from: nothing is imported for it."""


def user_message(error: BaseException) -> str | None:
    """Message of an error that the user can mend, even if a Ray worker raised it; None for every other error."""
    message = _own_message(error)
    if message is not None:
        return printable(message, MAX_MESSAGE)
    # Ray stores the errors of tasks and workers in attributes of its own.
    causes = [error.__cause__, getattr(error, "cause", None), *getattr(error, "worker_failures", {}).values()]
    messages = [user_message(cause) for cause in causes if cause is not None]
    return next((message for message in messages if message), None)


@contextmanager
def blaming(what: str, change: str) -> Generator[None]:
    """Turns any error within into a ValueError about `what`, a thing that the user gave, and what to `change`.

    It is for calls of libraries that parse what others wrote: they raise whatever they come across.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, MemoryError) or _is_full(error):
            raise
        raise ValueError(f"{what} ({quoted(error)}). {change}") from error


def quoted(error: BaseException) -> str:
    """Another program's message, in one line and cut."""
    text = printable(" ".join(str(error).split()), MAX_QUOTED)
    is_sentence = isinstance(error, OSError | ValueError | RuntimeError) or type(error) is Exception
    return text if text and is_sentence else f"{type(error).__name__}: {text}"


def printable(text: str, length: int) -> str:
    """`text` of at most about `length` characters, with control characters escaped: a terminal obeys them."""
    # What to change is said last.
    cut = text if len(text) <= length else f"{text[: length * 3 // 4]}...{text[-length // 4 :]}"
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in cut)


def _own_message(error: BaseException) -> str | None:
    if _is_full(error):
        where = getattr(error, "filename", None) or f"the run folder, or {tempfile.gettempdir()}"
        return f"no disk space left: {where}. Free some; the same command resumes."
    if isinstance(error, OSError) and error.errno in PATH_ERRORS and error.filename is not None:
        return f"{error.filename}: {error.strerror}; {PATH_ERRORS[error.errno]}"
    # Ray Train's name for a worker that is gone.
    if (died := getattr(error, "health_check_failure", None)) is not None:
        why = str(died).strip().split("\n")[0]
        return f"a training process died, once more than cluster.max_failures allows ({why}). {RESUME}"
    # pydantic's errors are ValueErrors too, but a config error has been explained before.
    if type(error) is ValueError:
        return str(error)
    names = [_name(kind) for kind in type(error).__mro__]
    change = next((CLASSES[name] for name in names if name in CLASSES), None)
    return None if change is None else f"{str(error).rstrip('. ')}. {change}"


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in NO_SPACE
    told = isinstance(error, OSError | RuntimeError) or _name(type(error)) in WRITERS
    return told and any(text in str(error) for text in NO_SPACE_TEXTS)


def _name(kind: type) -> str:
    """Public name: a library may define a class in a private module."""
    module = ".".join(part for part in kind.__module__.split(".") if not part.startswith("_"))
    return f"{module}.{kind.__qualname__}"
