"""A system-call filter for the calling process (seccomp-BPF), which no code in that process can take off.

Unlike an audit hook it also binds native code: a call that `reward.sandbox.syscalls` does not list fails with EPERM.
"""

import ctypes
import errno
import os
import platform
import struct
from functools import cache

from .syscalls import MACHINES, WRITING, Machine

_LOAD, _JUMP_EQUAL, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _MODE_FILTER = 22, 38, 2

Instruction = tuple[int, int, int, int]
"""Code, instructions to skip if true, and if false, constant (struct sock_filter)."""


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def machine() -> Machine | None:
    """This computer's table of system calls, or None if there is none and so no filter."""
    return MACHINES.get((platform.system(), platform.machine()))


def give_up_privileges() -> None:
    """Keeps this process from ever gaining privileges, which filters of either kind need; nothing elsewhere."""
    if platform.system() == "Linux":
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def install(*, may_set_limits: bool, may_handle_signals: bool = True) -> bool:
    """Confines this process for good; False where this system has no such filter.

    `may_set_limits` leaves it able to change its own resource limits, `may_handle_signals` what signals do to it.

    Raises:
        OSError: the kernel has the filter but refused it.
    """
    code = compiled(may_set_limits=may_set_limits, may_handle_signals=may_handle_signals)
    if code is None:
        return False
    filter_program = _Program(len(code) // 8, code)
    give_up_privileges()
    try:
        _prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(filter_program))
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOSYS):  # a kernel built without it
            return False
        raise
    return True


@cache
def compiled(*, may_set_limits: bool, may_handle_signals: bool) -> bytes | None:
    """The filter as the kernel takes it; None if there is none for this machine."""
    calls = machine()
    if calls is None:
        return None
    steps = program(calls, may_set_limits, may_handle_signals)
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def program(calls: Machine, may_set_limits: bool, may_handle_signals: bool = True) -> list[Instruction]:
    """The filter: another architecture's calls and all that is not allowed are refused."""
    steps: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, calls.audit),
        (_RETURN, 0, 0, _REFUSE),
        (_LOAD, 0, 0, _NUMBER),
    ]
    refused = () if may_handle_signals else calls.signals
    for number in (number for number in calls.allowed if number not in refused):
        steps += _where(number, [(_RETURN, 0, 0, _ALLOW)])
    steps += _where(calls.openat, _without_bits(2, WRITING))
    if calls.open is not None:
        steps += _where(calls.open, _without_bits(1, WRITING))
    for number, argument, values in calls.by_value:
        steps += _where(number, _one_of(argument, values))
    if may_set_limits:
        steps += _where(calls.prlimit, _one_of(0, (0,)))
    return [*steps, (_RETURN, 0, 0, _REFUSE)]


def _where(number: int, rule: list[Instruction]) -> list[Instruction]:
    return [(_JUMP_EQUAL, 0, len(rule), number), *rule]


def _without_bits(argument: int, mask: int) -> list[Instruction]:
    refuse_or_allow = [(_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)]
    return [_low_word(argument), (_JUMP_ANY_BIT, 0, 1, mask), *refuse_or_allow]


def _one_of(argument: int, values: tuple[int, ...]) -> list[Instruction]:
    steps = [_low_word(argument)]
    for value in values:
        steps += [(_JUMP_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
    return [*steps, (_RETURN, 0, 0, _REFUSE)]


def _low_word(argument: int) -> Instruction:
    # The kernel takes these arguments as 32-bit numbers; both machines are little-endian.
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * argument)


def _prctl(option: int, *arguments: int) -> None:
    call = ctypes.CDLL(None, use_errno=True).prctl
    padded = (*arguments, 0, 0, 0, 0)[:4]
    if call(option, *map(ctypes.c_ulong, padded)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


def die_with_parent() -> None:
    """Has the kernel kill this process when the thread that forked it ends; nothing on other systems."""
    if platform.system() == "Linux":
        _prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
