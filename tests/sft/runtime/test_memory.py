"""Memory that a training process has freed is there for its next tensors."""

import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what other libraries do is theirs")

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

GIVEN_BACK = """
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
    """By a process of its own: what it does with memory is set for good."""
    return int(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    )


def test_the_kernel_is_asked_for_less_of_a_tensors_memory_the_next_time() -> None:
    # A tensor begins at a huge page, which now and then does not fit where the last one was.
    assert printed(FAULTS.format(keeps=False)) > 10 * printed(FAULTS.format(keeps=True))


def test_what_was_kept_is_given_back_on_demand() -> None:
    assert printed(GIVEN_BACK) > 2**25
