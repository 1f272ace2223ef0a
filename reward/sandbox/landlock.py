"""Folders that the calling process may read (Landlock), which no code in that process can widen.

Unlike an audit hook it also binds native code that opens files itself. Kernels without it leave reading to the hook.
"""

import ctypes
import os
import platform
import struct
from collections.abc import Callable, Iterable

# The same numbers on all machines.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_ALL_RIGHTS = (1 << 13) - 1
"""All rights that the first version of the interface knows: to execute, read, write, make and remove."""
_SYSTEM_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")


def allow_only(folders: Iterable[str]) -> bool:
    """Leaves this process the reading of these folders and of the system's libraries; False on other systems.

    The process must have given up new privileges before (`PR_SET_NO_NEW_PRIVS`).
    """
    if platform.system() != "Linux":
        return False
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.argtypes, call.restype = [ctypes.c_long] * 5, ctypes.c_long
    attributes = ctypes.create_string_buffer(struct.pack("Q", _ALL_RIGHTS), 8)
    ruleset = call(_CREATE_RULESET, ctypes.addressof(attributes), 8, 0, 0)
    if ruleset < 0:  # a kernel built or started without it
        return False
    for path in (*folders, *_SYSTEM_LIBRARIES):
        if os.path.exists(path):
            _allow(call, ruleset, path)
    restricted = call(_RESTRICT_SELF, ruleset, 0, 0, 0) == 0
    os.close(ruleset)
    return restricted


def _allow(call: Callable[..., int], ruleset: int, path: str) -> None:
    descriptor = os.open(path, os.O_PATH)
    rights = _READ_FILE | _READ_FOLDER if os.path.isdir(path) else _READ_FILE
    rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, descriptor), 12)
    if call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.addressof(rule), 0) != 0:
        raise OSError(ctypes.get_errno(), f"landlock rule for {path}")
    os.close(descriptor)
