"""Takes from a process, for good, what comparing answers and running their tests do not need."""

import math
import os
import resource
import site
import sys
import sysconfig
from collections.abc import Callable
from functools import cache

from . import landlock, seccomp

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
_DENIED_TO_ANSWERS = frozenset({"code.__new__", "sys._current_frames", "sys.unraisablehook", "signal.signal"})
_NATIVE_MODULES = frozenset(
    {
        *("readline", "_xxsubinterpreters", "_testcapi", "_testinternalcapi", "_testbuffer", "_ctypes_test"),
        *(
            "_dbm",
            "_gdbm",
            "_tkinter",
            "_curses",
            "_curses_panel",
            "_posixshmem",
            "nis",
            "ossaudiodev",
            "spwd",
        ),
        *("_cffi_backend", "pyarrow", "lxml", "h5py", "numba", "llvmlite", "torch"),
    }
)
_DENIED_FAMILIES = ("socket.", "ctypes.", "fcntl.", "sys.monitoring.")
_PATH_EVENTS = frozenset({"open", "os.listdir", "os.scandir", "os.getxattr", "os.listxattr"})
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def confine(memory_bytes: int, *, may_set_limits: bool, is_answer: bool = False) -> None:
    """Leaves this process computation, its open descriptors, and reading Python's libraries and time zones.

    Limits by the kernel: address space in total (`memory_bytes`), no bytes written to files, no new processes,
    few descriptors, the folders that can be read (`reward.sandbox.landlock`) and the system calls
    (`reward.sandbox.seccomp`), if the system has them. An audit hook says no to Python code with a PermissionError
    that names the attempt. A process for an answer has no signal handlers, made-up code objects and modules
    with native access to files or memory either.
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
    folders = _library_folders()
    hook = _hook(folders, _DENIED_EVENTS | (_DENIED_TO_ANSWERS if is_answer else frozenset()))
    seccomp.give_up_privileges()
    landlock.allow_only((*folders, "."))
    seccomp.install(may_set_limits=may_set_limits, may_handle_signals=not is_answer)
    if is_answer:
        sys.addaudithook(_import_hook())
    # The last one, as it lets no other come after it.
    sys.addaudithook(hook)


def prepare() -> None:
    """Works out what `confine` needs, for the forks of this process to find it."""
    _library_folders()
    for may in (False, True):
        seccomp.compiled(may_set_limits=may, may_handle_signals=may)
    seccomp.compiled(may_set_limits=False, may_handle_signals=True)


def renew_cpu_limit(seconds: float) -> None:
    """Gives this process `seconds` of processor time from now, should its parent not watch the clock."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(usage.ru_utime + usage.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _import_hook() -> Callable[[str, tuple], None]:
    """Refuses modules whose native code reads files or memory by itself, under any name."""
    modules, refusal = _NATIVE_MODULES, ImportError

    def deny(event: str, arguments: tuple) -> None:
        if event != "import":
            return
        path = arguments[1]
        names = arguments[0].split(".") if path is None else path.rsplit("/", 1)[-1].split(".")
        if names[0] in modules:
            raise refusal(f"{names[0]} is not allowed to answers")

    return deny


def _limit(which: int, value: int) -> None:
    ceiling = resource.getrlimit(which)[1]
    value = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
    resource.setrlimit(which, (value, value))


@cache
def _library_folders() -> tuple[str, ...]:
    """Folders that modules may still be loaded from: Python's own and the loaded packages'."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {sysconfig.get_path(name) for name in names} | set(site.getsitepackages())
    folders |= set(filter(None, (sysconfig.get_config_var("TZPATH") or "").split(os.pathsep)))
    packages = [module for name, module in sys.modules.items() if "." not in name]
    folders |= {folder for package in packages for folder in getattr(package, "__path__", ())}
    folders |= {os.path.realpath(folder) for folder in folders}
    return tuple(os.path.join(folder, "") for folder in sorted(folders))


def _hook(folders: tuple[str, ...], denied: frozenset[str]) -> Callable[[str, tuple], None]:
    # Looks no name up when called, because confined code can replace builtins and modules' functions.
    families, path_events, writing = _DENIED_FAMILIES, _PATH_EVENTS, _WRITING
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
            # The working folder is empty and cannot be left, so a path relative to it does no harm.
            readable = is_plain and (path.startswith(folders) or path[:1] != "/")
            if not readable or (event == "open" and arguments[2] & writing):
                raise refusal(
                    f"{event} outside of Python's libraries, or to write, is not allowed in the verifier"
                )

    return deny
