"""Reuse of freed memory in training processes on a CPU."""

import ctypes
import os
import platform

# Constants of glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4


def keep_freed_memory() -> None:
    """Reuse freed blocks of any size, and request huge pages; call it before torch is imported.

    By default glibc returns large blocks to the kernel at once, which has to zero them again for the next tensor.
    """
    # torch reads it at its first allocation.
    os.environ["THP_MEM_ALLOC_ENABLE"] = "1"
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        # -1 disables trimming of the heap.
        libc.mallopt(M_TRIM_THRESHOLD, -1)


def release_freed_memory() -> None:
    """Return freed memory to the system, for other processes."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
