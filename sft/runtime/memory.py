"""What a training process on a CPU does with memory that it has freed."""

import ctypes
import os
import platform

# Of glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4


def keep_freed_memory() -> None:
    """Use freed blocks again, the large ones too, and ask for huge pages; to be called before torch is loaded.

    glibc gives large blocks back to the kernel at once, which zeroes them again for the next tensor.
    """
    # Read by torch at its first tensor.
    os.environ["THP_MEM_ALLOC_ENABLE"] = "1"
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        # All of it: no end is given back.
        libc.mallopt(M_TRIM_THRESHOLD, -1)


def give_back_freed_memory() -> None:
    """To other processes, while this one has no use for it."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
