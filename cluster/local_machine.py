"""The machine that this process runs on."""

import os
from importlib.metadata import version

import psutil

from .planning.machine import GB, Machine


def local_machine() -> Machine:
    """Cores that this process may use, memory and GPUs of this machine."""
    gpus = _gpu_sizes()
    return Machine(
        cpus=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gb=psutil.virtual_memory().total / GB,
        gpus=len(gpus),
        gpu_memory_gb=min(gpus, default=None),
    )


def _gpu_sizes() -> list[float]:
    """Memory of each GPU that PyTorch can use."""
    # Importing PyTorch takes seconds, and its build for CPUs uses no GPU.
    if version("torch").endswith("+cpu"):
        return []
    import torch

    devices = range(torch.cuda.device_count())
    return [torch.cuda.get_device_properties(device).total_memory / GB for device in devices]
