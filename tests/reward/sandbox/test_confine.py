import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from reward.config import RewardConfig
from reward.sandbox import seccomp
from reward.sandbox.syscalls import MACHINES
from reward.sandbox.verifier import Verifier
from reward.types import Check

ROOT = Path(__file__).resolve().parents[3]

DENIED = {
    "read a file": "open('/etc/passwd').read()",
    "read through a link": "open('/proc/self/environ').read()",
    "read beside the libraries": "open(os.__file__ + '/../../../../../../etc/passwd').read()",
    "read with os": "os.open('/etc/passwd', os.O_RDONLY)",
    "read with bytes": "os.open(b'/etc/passwd', os.O_RDONLY)",
    "list a folder": "os.listdir('/')",
    "write a file": "open('/tmp/verifier-test', 'w').write('x')",
    "write here": "open('x', 'w').write('x')",
    "write a library": "open(os.__file__, 'a')",
    "remove": "os.remove(os.__file__)",
    "make a folder": "os.mkdir('x')",
    "leave": "os.chdir('/')",
    "fork": "os.fork()",
    "subprocess": "subprocess.run(['true'])",
    "shell": "os.system('true')",
    "exec": "os.execv('/bin/true', ['true'])",
    "spawn": "os.posix_spawn('/bin/true', ['true'], {})",
    "thread": "threading.Thread(target=print).start()",
    "socket": "socket.socket()",
    "socket pair": "socket.socketpair()",
    "connect": "socket.create_connection(('127.0.0.1', 80))",
    "kill": "os.kill(os.getppid(), 9)",
    "native code": "ctypes.CDLL(None)",
    "own a descriptor's signals": "fcntl.fcntl(0, fcntl.F_SETOWN, os.getppid())",
    "lock": "fcntl.flock(0, fcntl.LOCK_EX)",
    "database": "sqlite3.connect('/etc/passwd')",
    "database in memory, which may attach files": "sqlite3.connect(':memory:')",
    "poison memory": "mmap.mmap(-1, 4096).madvise(100)",
    "other code for a function": "os.path.join.__code__ = os.path.split.__code__",
    "cores of another": "os.sched_getaffinity(os.getppid())",
    "session": "os.setsid()",
    "group": "os.setpgid(0, 0)",
    "nice": "os.nice(1)",
    "priority": "os.setpriority(os.PRIO_PROCESS, os.getppid(), 1)",
    "signal to itself": "signal.raise_signal(signal.SIGUSR1)",
    "alarm": "signal.setitimer(signal.ITIMER_REAL, 1)",
    "limits": "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "signal handler": "signal.signal(signal.SIGUSR1, print)",
    "module that reads files itself": "import readline",
    "code object": "(lambda: 1).__code__.replace(co_consts=(2,))",
    "interpreter without a hook": "import _xxsubinterpreters",
}


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier(RewardConfig(code_timeout=20)) as running:
        yield running


@pytest.mark.parametrize("attempt", DENIED.values(), ids=DENIED.keys())
def test_code_is_denied(verifier: Verifier, attempt: str) -> None:
    answer = (
        "import os, subprocess, socket, threading, ctypes, resource, fcntl, sqlite3, mmap, signal\nresult = 'done'\n"
        f"try:\n    {attempt}\nexcept (OSError, ValueError, RuntimeError, ImportError):\n    result = 'denied'\n"
    )
    (grade,) = verifier.verify([Check("assert result == 'denied'", answer, "python")])
    assert (grade.verdict.value, grade.reason) == ("equal", None)


def test_an_answer_cannot_have_the_kernel_send_signals_to_others() -> None:
    answer = (
        "import fcntl, os, time\n"
        "for fd in range(3, 32):\n"
        "    try:\n"
        "        fcntl.fcntl(fd, fcntl.F_SETOWN, {})\n"
        "        fcntl.fcntl(fd, 10, 9)\n"
        "        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)\n"
        "        os.write(fd, b'ran\\n')\n"
        "        time.sleep(0.5)\n"
        "    except OSError: pass\n"
    )
    with subprocess.Popen(["sleep", "60"]) as victim, Verifier(RewardConfig(code_timeout=20)) as verifier:
        verifier.verify([Check("pass", answer.format(victim.pid), "python")])
        assert victim.poll() is None
        victim.kill()


def test_the_attempts_succeed_where_nothing_confines_them() -> None:
    script = (
        "import os, socket\nopen('/etc/passwd').read()\nos.listdir('/')\nsocket.socket()\nopen('x', 'w')\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", script], check=True, cwd=folder)


def test_a_hook_cannot_be_talked_round(verifier: Verifier) -> None:
    answer = (
        "import builtins, os, os.path\n"
        "class Path(str):\n"
        "    def startswith(self, *_): return True\n"
        "    def __fspath__(self): return '/etc/passwd'\n"
        "keep, real = open, isinstance\n"
        "builtins.isinstance = lambda *_: True\n"
        "os.path.abspath = lambda _: os.__file__\n"
        "denied = 0\n"
        "for path in ('/etc/passwd', Path('/etc/passwd')):\n"
        "    try: keep(path)\n"
        "    except PermissionError: denied += 1\n"
        "builtins.isinstance = real\n"
    )
    (grade,) = verifier.verify([Check("assert denied == 2", answer, "python")])
    assert grade.verdict.value == "equal"


def test_lazy_imports_still_work(verifier: Verifier) -> None:
    names = "numpy, asyncio, json, decimal, heapq, statistics, dataclasses, unittest, sqlite3, sympy.stats"
    tests = (
        "import sympy.stats\n"
        "assert statistics.mean([1, 3]) == 2 and sympy.stats and numpy.linalg.det(numpy.eye(9)) == 1 and f() == 2"
    )
    answer = f"import {names}\ndef f(): return statistics.mean([1, 3]) * numpy.linalg.det(numpy.eye(9))"
    (grade,) = verifier.verify([Check(tests, answer, "python")])
    assert grade.verdict.value == "equal"


CALLS = {
    "socket": "libc.socket(1, 1, 0)",
    "connect": "libc.connect(0, None, 0)",
    "bind": "libc.bind(0, None, 0)",
    "fork": "libc.fork()",
    "execve": "libc.execve(b'/bin/true', None, None)",
    "write": "libc.open(b'/tmp/verifier-test', os.O_WRONLY | os.O_CREAT, 0o600)",
    "open for both": "libc.open(b'/dev/null', os.O_RDWR)",
    "unlink": "libc.unlink(b'/tmp/verifier-none')",
    "rename": "libc.rename(b'/tmp/verifier-none', b'/tmp/verifier-nowhere')",
    "mkdir": "libc.mkdir(b'/tmp/verifier-test', 0o700)",
    "chmod": "libc.chmod(b'/tmp', 0o777)",
    "kill": "libc.kill(os.getppid(), 0)",
    "ptrace": "libc.ptrace(0, 0, None, None)",
    "unshare": "libc.unshare(0)",
    "mount": "libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)",
    "memfd": "libc.memfd_create(b'x', 0)",
    "prctl": "libc.prctl(4, 0, 0, 0, 0)",
    "chdir": "libc.chdir(b'/')",
    "io_uring": "libc.syscall(425, 1, None)",
    "clone3": "libc.syscall(435, None, 0)",
    "pidfd of another": "libc.syscall(434, os.getppid(), 0)",
    "owner": "libc.fcntl(0, 8, os.getppid())",
    "owner of a kind": "libc.fcntl(0, 15, ctypes.create_string_buffer(8))",
    "signal of a descriptor": "libc.fcntl(0, 10, 9)",
    "flags of a descriptor": "libc.fcntl(0, 4, 0o20000)",
    "lease": "libc.fcntl(0, 1024, 0)",
    "signals of a folder": "libc.fcntl(0, 1026, 0)",
    "FIOSETOWN": "libc.ioctl(0, 0x8901, None)",
    "SIOCSPGRP": "libc.ioctl(0, 0x8902, None)",
    "FIOASYNC": "libc.ioctl(0, 0x5452, None)",
    "TIOCSTI": "libc.ioctl(0, 0x5412, None)",
    "poison memory": "libc.madvise(None, 0, 100)",
    "urgent data": "libc.send(0, b'x', 1, 1)",
    "peek": "libc.recv(0, None, 0, 2)",
    "lock with priority": "libc.syscall(FUTEX, None, 6, 0, None, None, 0)",
    "cores of another": "libc.sched_getaffinity(os.getppid(), 8, ctypes.create_string_buffer(8))",
    "set cores": "libc.sched_setaffinity(0, 8, ctypes.create_string_buffer(8))",
    "sigqueue": "libc.sigqueue(os.getppid(), 0, None)",
    "signal to a thread": "libc.tgkill(os.getppid(), os.getppid(), 0)",
    "priority": "libc.setpriority(0, os.getppid(), 1)",
    "session": "libc.setsid()",
    "group": "libc.setpgid(0, 0)",
    "memory of another": "libc.process_vm_readv(os.getppid(), None, 0, None, 0, 0)",
    "shared memory": "libc.shmget(0, 4096, 0o600)",
    "personality": "libc.personality(0)",
    "new limits of another": "libc.prlimit(os.getppid(), 7, None, None)",
}


@pytest.mark.skipif(seccomp.machine() is None, reason="no filter for this machine")
def test_the_filter_binds_native_code() -> None:
    script = (
        "import ctypes, errno, os\n"
        "from reward.sandbox import seccomp\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "calls = seccomp.machine()\n"
        "FUTEX = next(number for number, _, values in calls.by_value if 393 in values)\n"
        f"calls = {CALLS!r}\n"
        "for call in calls.values(): compile(call, '', 'eval')\n"
        "assert seccomp.install(may_set_limits=True)\n"
        "def refused(call):\n"
        "    ctypes.set_errno(0)\n"
        "    return call() == -1 and ctypes.get_errno() == errno.EPERM\n"
        + "".join(f"if not refused(lambda: {call}): print({name!r})\n" for name, call in CALLS.items())
        + "print(len(open('/dev/zero', 'rb', buffering=0).read(5)), flush=True)\n"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-c", script], env=env, check=True, capture_output=True, text=True
    )
    assert result.stdout == "5\n"


def test_landlock_binds_native_code() -> None:
    script = (
        "import ctypes, os\n"
        "from reward.sandbox import landlock, seccomp\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "seccomp.give_up_privileges()\n"
        "held = landlock.allow_only([os.path.dirname(os.__file__)])\n"
        "print(held, libc.open(b'/etc/passwd', 0) >= 0, libc.open(os.__file__.encode(), 0) >= 0)\n"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-c", script], env=env, check=True, capture_output=True, text=True
    )
    assert result.stdout in ("True False True\n", "False True True\n")


def test_the_tables_hold_no_call_twice_and_the_program_fits_the_kernel() -> None:
    for calls in MACHINES.values():
        special = [calls.openat, calls.prlimit, *(number for number, _, _ in calls.by_value)]
        special += [calls.open] if calls.open is not None else []
        assert len({*calls.allowed, *special}) == len(calls.allowed) + len(special)
        for step in seccomp.program(calls, may_set_limits=True):
            assert max(step[1:3]) < 256
        assert len(seccomp.program(calls, may_set_limits=True)) < 4096
