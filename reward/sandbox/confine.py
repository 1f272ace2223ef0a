"""Takes from a process, for good, what comparing answers and running their tests do not need."""

import math
import os
import resource
import site
import sys
import sysconfig
from collections.abc import Callable

from . import seccomp

_MAX_DESCRIPTORS = 32
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_DENIED_EVENTS = frozenset(
    {
        *("os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.startfile"),
        *("subprocess.Popen", "pty.spawn", "os.kill", "os.killpg", "signal.pthread_kill"),
        *("os.chdir", "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir"),
        *("os.symlink", "os.truncate", "os.utime", "os.setxattr", "os.removexattr"),
        *("gc.get_objects", "gc.get_referrers", "gc.get_referents", "sys.settrace", "sys.setprofile"),
        "sys.addaudithook",
        # It opens files itself, also by SQL.
        *("sqlite3.connect", "sqlite3.connect/handle"),
    }
)
_DENIED_FAMILIES = ("socket.", "ctypes.", "fcntl.", "sys.monitoring.")
_PATH_EVENTS = frozenset({"open", "os.listdir", "os.scandir", "os.getxattr", "os.listxattr"})
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def confine(memory_bytes: int, *, may_set_limits: bool) -> None:
    """Leaves this process computation, its open descriptors, and reading Python's libraries and time zones.

    Limits by the kernel: address space in total (`memory_bytes`), no bytes written to files, no new processes,
    few descriptors; system calls by `reward.sandbox.seccomp`, where the system has it. An audit hook says no to Python
    code with a PermissionError that names what was tried, and keeps it to the folders of its libraries; native
    code is held by the kernel's limits alone, which let it read files.
    """
    os.environ.clear()
    # A numeric library that starts threads when imported ends the process where it cannot.
    os.environ.update(_ONE_THREAD)
    if sys.platform == "linux":  # others count what no process can do without, or refuse
        _limit(resource.RLIMIT_AS, memory_bytes)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _MAX_DESCRIPTORS)
    # The superuser is exempt from this one, and containers often run as superuser: hence the two below.
    _limit(resource.RLIMIT_NPROC, 0)
    hook = _hook(_library_folders())
    seccomp.install(may_set_limits=may_set_limits)
    sys.addaudithook(hook)


def renew_cpu_limit(seconds: float) -> None:
    """Gives this process `seconds` of processor time from now, should its parent not watch the clock."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(usage.ru_utime + usage.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _limit(which: int, value: int) -> None:
    ceiling = resource.getrlimit(which)[1]
    value = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
    resource.setrlimit(which, (value, value))


def _library_folders() -> tuple[str, ...]:
    """Where modules may still be loaded from: Python's own folders and those of the packages loaded so far."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {sysconfig.get_path(name) for name in names} | set(site.getsitepackages())
    folders |= set(filter(None, (sysconfig.get_config_var("TZPATH") or "").split(os.pathsep)))
    packages = [module for name, module in sys.modules.items() if "." not in name]
    folders |= {folder for package in packages for folder in getattr(package, "__path__", ())}
    folders |= {os.path.realpath(folder) for folder in folders}
    return tuple(os.path.join(folder, "") for folder in sorted(folders))


def _hook(folders: tuple[str, ...]) -> Callable[[str, tuple], None]:
    # Looks no name up when called, because confined code can replace builtins and modules' functions.
    denied, families, path_events, writing = _DENIED_EVENTS, _DENIED_FAMILIES, _PATH_EVENTS, _WRITING
    type_of, string, number, refusal = type, str, int, PermissionError

    def deny(event: str, arguments: tuple) -> None:
        if event in denied or event.startswith(families):
            raise refusal(f"{event} is not allowed in the verifier")
        if event == "object.__setattr__" and arguments[1] == "__code__":
            # Only its flags may change, as `types.coroutine` has it: other code would reach this package's own.
            old, new = arguments[0].__code__, arguments[2]
            if new.replace(co_flags=old.co_flags) != old:
                raise refusal("other code for a function is not allowed in the verifier")
        if event in path_events:
            path = arguments[0]
            # None is the working folder, a number a descriptor that is open already.
            if path is None or type_of(path) is number:
                return
            is_plain = type_of(path) is string and ".." not in path
            # The working folder is empty and cannot be left, so what is relative to it does no harm.
            readable = is_plain and (path.startswith(folders) or path[:1] != "/")
            if not readable or (event == "open" and arguments[2] & writing):
                raise refusal(
                    f"{event} outside of Python's libraries, or to write, is not allowed in the verifier"
                )

    return deny
