"""The system calls that a confined process may make, by machine.

Numbers are those of the Linux headers (asm/unistd_64.h for x86-64, asm-generic/unistd.h for aarch64). What is
not listed is refused, so system calls that are yet to come are too.
"""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """`audit` is the AUDIT_ARCH constant; `allowed` go through, the others on conditions of `seccomp.program`."""

    audit: int
    allowed: tuple[int, ...]
    open: int | None
    openat: int
    ioctl: int
    prlimit: int


WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | 0o20000000
"""Flags of openat that a confined process may not use; the last is O_TMPFILE without O_DIRECTORY."""

IOCTLS = (0x5401, 0x5421, 0x5451)
"""TCGETS, FIONBIO, FIOCLEX: what Python asks of a descriptor that it opens."""

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
    "madvise": 28,
    "dup": 32,
    "nanosleep": 35,
    "getpid": 39,
    "sendto": 44,
    "recvfrom": 45,
    "exit": 60,
    "uname": 63,
    "fcntl": 72,
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
    "futex": 202,
    "sched_getaffinity": 204,
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
    "fcntl": 25,
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
    "futex": 98,
    "set_robust_list": 99,
    "nanosleep": 101,
    "clock_gettime": 113,
    "clock_getres": 114,
    "clock_nanosleep": 115,
    "sched_getaffinity": 123,
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
    "sendto": 206,
    "recvfrom": 207,
    "brk": 214,
    "munmap": 215,
    "mremap": 216,
    "mmap": 222,
    "mprotect": 226,
    "madvise": 233,
    "getrandom": 278,
    "membarrier": 283,
    "statx": 291,
    "rseq": 293,
    "faccessat2": 439,
}

MACHINES: dict[tuple[str, str], Machine] = {
    ("Linux", "x86_64"): Machine(0xC000003E, tuple(_X86_64.values()), 2, 257, 16, 302),
    ("Linux", "aarch64"): Machine(0xC00000B7, tuple(_AARCH64.values()), None, 56, 29, 261),
}
"""By `platform.system()` and `platform.machine()`."""
