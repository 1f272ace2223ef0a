"""Reuse of memory that a training process has freed."""

import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="settings of glibc")

FAULTS = """
import resource
from sft.runtime.memory import keep_freed_memory
if {keeps}:
    keep_freed_memory()
import torch
torch.empty(2**24).fill_(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.empty(2**24).fill_(1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

RELEASED = """
import psutil
from sft.runtime.memory import release_freed_memory, keep_freed_memory
keep_freed_memory()
import torch
torch.empty(2**24).fill_(1)
before = psutil.Process().memory_info().rss
release_freed_memory()
print(before - psutil.Process().memory_info().rss)
"""


def printed(code: str) -> int:
    """Number printed by code in a new process, since the settings cannot be undone."""
    return int(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    )


def test_a_second_tensor_causes_fewer_page_faults() -> None:
    # Tensors are aligned to huge pages, and sometimes do not fit into the freed block.
    assert printed(FAULTS.format(keeps=False)) > 10 * printed(FAULTS.format(keeps=True))


def test_kept_memory_is_released_on_demand() -> None:
    assert printed(RELEASED) > 2**25
