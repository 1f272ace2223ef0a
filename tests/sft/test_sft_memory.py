"""Memory that a training process has freed is there for its next tensors."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
from sft.memory import give_back_freed_memory, keep_freed_memory
if {keeps}:
    keep_freed_memory()
import torch
torch.empty(2**24).fill_(1)
if {gives_back}:
    give_back_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({times}):
    torch.empty(2**24).fill_(1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(keeps: bool, gives_back: bool = False, times: int = 10) -> int:
    """Pages that the kernel had to give for tensors of 64 MiB, behind a first one."""
    code = FAULTS.format(keeps=keeps, gives_back=gives_back, times=times)
    return int(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    )


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what other libraries do is theirs")
def test_the_kernel_is_asked_for_a_tensors_memory_once() -> None:
    kept = faults(keeps=True)
    assert faults(keeps=False) > 20 * (kept + 1)
    assert faults(keeps=True, gives_back=True, times=1) > kept
