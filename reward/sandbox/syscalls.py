"""The system calls that a confined process may make, by machine.

Numbers are those of the Linux headers (asm/unistd_64.h for x86-64, asm-generic/unistd.h for aarch64). A call
that is not listed is refused, so future system calls are refused too.
"""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """`audit` is the AUDIT_ARCH constant; `allowed` go through, the others on conditions of `seccomp.program`.

    `by_value`: number of a call, the argument that decides (from 0), and the values with which it is allowed.
    """

    audit: int
    allowed: tuple[int, ...]
    open: int | None
    openat: int
    by_value: tuple[tuple[int, int, tuple[int, ...]], ...]
    prlimit: int
    signals: tuple[int, ...]
    """Calls among `allowed` that set the caller's signal actions."""


WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | 0o20000000
"""Flags of openat that a confined process may not use; the last is O_TMPFILE without O_DIRECTORY."""

_IOCTLS = (0x5401, 0x5421, 0x5451)  # TCGETS, FIONBIO, FIOCLEX: what Python asks of a descriptor that it opens
# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC. Not F_SETOWN, F_SETSIG and F_SETFL with O_ASYNC, by
# which the kernel sends any signal to any process of the user.
_FCNTLS = (0, 1, 2, 3, 1030)
# What allocators advise. Not MADV_HWPOISON, by which a superuser takes memory from the whole machine.
_ADVICE = (0, 1, 2, 3, 4, 8, 14, 15, 16, 17)
# Wait, wake, requeue, also private or by the wall clock. Not those with priorities, which name other threads.
_FUTEXES = tuple(command + flag for command in (0, 1, 3, 4, 5, 9, 10) for flag in (0, 128, 256, 384))
_SEND_FLAGS = (0, 0x4000)  # MSG_NOSIGNAL. Not MSG_OOB, which signals the other end's owner.
_RECEIVE_FLAGS = (0, 0x100)  # MSG_WAITALL
_OWN = (0,)  # the caller

_X86_64 = {
    "read": 0,
    "write": 1,
    "close": 3,
    "stat": 4,
    "fstat": 5,
    "lstat": 6,
    "poll": 7,
    "lseek": 8,
    "mmap": 9,
    "mprotect": 10,
    "munmap": 11,
    "brk": 12,
    "rt_sigaction": 13,
    "rt_sigprocmask": 14,
    "rt_sigreturn": 15,
    "pread64": 17,
    "readv": 19,
    "access": 21,
    "select": 23,
    "sched_yield": 24,
    "mremap": 25,
    "dup": 32,
    "nanosleep": 35,
    "getpid": 39,
    "exit": 60,
    "uname": 63,
    "getcwd": 79,
    "readlink": 89,
    "gettimeofday": 96,
    "getrusage": 98,
    "sysinfo": 99,
    "times": 100,
    "getuid": 102,
    "getgid": 104,
    "geteuid": 107,
    "getegid": 108,
    "getppid": 110,
    "sigaltstack": 131,
    "gettid": 186,
    "time": 201,
    "getdents64": 217,
    "restart_syscall": 219,
    "clock_gettime": 228,
    "clock_getres": 229,
    "clock_nanosleep": 230,
    "exit_group": 231,
    "newfstatat": 262,
    "readlinkat": 267,
    "faccessat": 269,
    "pselect6": 270,
    "ppoll": 271,
    "set_robust_list": 273,
    "getcpu": 309,
    "getrandom": 318,
    "membarrier": 324,
    "statx": 332,
    "rseq": 334,
    "faccessat2": 439,
}
_AARCH64 = {
    "getcwd": 17,
    "dup": 23,
    "faccessat": 48,
    "close": 57,
    "getdents64": 61,
    "lseek": 62,
    "read": 63,
    "write": 64,
    "readv": 65,
    "pread64": 67,
    "pselect6": 72,
    "ppoll": 73,
    "readlinkat": 78,
    "newfstatat": 79,
    "fstat": 80,
    "exit": 93,
    "exit_group": 94,
    "set_robust_list": 99,
    "nanosleep": 101,
    "clock_gettime": 113,
    "clock_getres": 114,
    "clock_nanosleep": 115,
    "sched_yield": 124,
    "restart_syscall": 128,
    "sigaltstack": 132,
    "rt_sigaction": 134,
    "rt_sigprocmask": 135,
    "rt_sigreturn": 139,
    "times": 153,
    "uname": 160,
    "getrusage": 165,
    "getcpu": 168,
    "gettimeofday": 169,
    "getpid": 172,
    "getppid": 173,
    "getuid": 174,
    "geteuid": 175,
    "getgid": 176,
    "getegid": 177,
    "gettid": 178,
    "sysinfo": 179,
    "brk": 214,
    "munmap": 215,
    "mremap": 216,
    "mmap": 222,
    "mprotect": 226,
    "getrandom": 278,
    "membarrier": 283,
    "statx": 291,
    "rseq": 293,
    "faccessat2": 439,
}


def _by_value(
    ioctl: int, fcntl: int, madvise: int, futex: int, sendto: int, recvfrom: int, sched_getaffinity: int
) -> tuple[tuple[int, int, tuple[int, ...]], ...]:
    return (
        (ioctl, 1, _IOCTLS),
        (fcntl, 1, _FCNTLS),
        (madvise, 2, _ADVICE),
        (futex, 1, _FUTEXES),
        (sendto, 3, _SEND_FLAGS),
        (recvfrom, 3, _RECEIVE_FLAGS),
        (sched_getaffinity, 0, _OWN),
    )


MACHINES: dict[tuple[str, str], Machine] = {
    ("Linux", "x86_64"): Machine(
        audit=0xC000003E,
        allowed=tuple(_X86_64.values()),
        open=2,
        openat=257,
        by_value=_by_value(
            ioctl=16, fcntl=72, madvise=28, futex=202, sendto=44, recvfrom=45, sched_getaffinity=204
        ),
        prlimit=302,
        signals=(_X86_64["rt_sigaction"],),
    ),
    ("Linux", "aarch64"): Machine(
        audit=0xC00000B7,
        allowed=tuple(_AARCH64.values()),
        open=None,
        openat=56,
        by_value=_by_value(
            ioctl=29, fcntl=25, madvise=233, futex=98, sendto=206, recvfrom=207, sched_getaffinity=123
        ),
        prlimit=261,
        signals=(_AARCH64["rt_sigaction"],),
    ),
}
"""Tables by `platform.system()` and `platform.machine()`."""
