"""The environment of this process and its children, repaired before any library reads it."""

import locale
import os
import stat
import sys
import tempfile
from pathlib import Path

from cluster.loopback import without_proxy
from cluster.start_limits import START_LIMITS
from cluster.temporary import can_write
from rewriter_agent.io.console import console

DEFAULTS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "TOKENIZERS_PARALLELISM": "false",
    # Some progress bars have no option of their own, as in lm-evaluation-harness; stages show their own progress.
    "TQDM_DISABLE": "1",
    # Without this, a thread left behind by an interrupt would start its own cluster.
    "RAY_ENABLE_AUTO_CONNECT": "0",
    # The output of workers goes to a file.
    "RAY_COLOR_PREFIX": "0",
    **START_LIMITS,
}
LONGEST_TMPDIR = 107 - len("/pymp-00000000/listener-00000000-0000")
"""Maximum bytes of a temporary folder's path, given the length of socket names in it."""


def use_utf8() -> None:
    """Start this process once more in UTF-8 mode if the locale has another encoding: libraries open files by it."""
    if sys.flags.utf8_mode or locale.getencoding().lower() in ("utf-8", "utf8"):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, sys.orig_argv, os.environ | {"PYTHONUTF8": "1"})


def prepare_environment() -> None:
    """Set what the libraries assume: a home and a temporary folder that can be written, a user's name, no proxy for
    servers on this machine.

    Raises:
        ValueError: there is no folder that can be written.
    """
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    os.environ.update(without_proxy(os.environ))
    _choose_temporary_folder()
    _choose_home()
    # PyTorch asks for the user name and fails without one; any name will do.
    if not any(os.environ.get(name) for name in ("LOGNAME", "USER", "LNAME", "USERNAME")):
        os.environ["USER"] = f"user-{os.getuid()}"


def _choose_temporary_folder() -> None:
    """Replace a TMPDIR that is not writable, or too long for the paths of sockets."""
    chosen = os.environ.get("TMPDIR")
    if not chosen:
        return
    if len(os.fsencode(chosen)) > LONGEST_TMPDIR:
        del os.environ["TMPDIR"]
        tempfile.tempdir = None
    try:
        usable = tempfile.gettempdir()
    except FileNotFoundError as error:
        raise ValueError(f"{error}. Let TMPDIR name a folder that you can write.") from None
    if usable != chosen:
        console.warn(f"hint: TMPDIR={chosen} cannot be used for sockets and files; {usable} is")
        os.environ["TMPDIR"] = usable


def _choose_home() -> None:
    """Choose a writable home for caches; files of an unwritable one are still read."""
    home = Path(os.path.expanduser("~"))
    if home.is_absolute() and home.is_dir() and can_write(home):
        return
    kept = {"HF_HOME": home / ".cache" / "huggingface", "NETRC": home / ".netrc"}
    os.environ.update(
        {name: str(path) for name, path in kept.items() if name not in os.environ and path.exists()}
    )
    os.environ["HOME"] = str(_own_folder())
    console.warn(f"hint: the home {home} cannot be written; caches go to {os.environ['HOME']}")


def _own_folder() -> Path:
    """Return a stable private folder of this user below the temporary one; refuse one that another user made."""
    folder = Path(tempfile.gettempdir()) / f"rewriter-agent-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if (
        not stat.S_ISDIR(status.st_mode)
        or status.st_uid != os.getuid()
        or stat.S_IMODE(status.st_mode) & 0o077
    ):
        raise ValueError(
            f"{folder} belongs to another user, or others can read it. Remove it, or let HOME name a folder that you "
            "can write."
        )
    return folder
