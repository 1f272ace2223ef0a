"""Trainings of one worker in the calling process, one after another, in which libraries load only once."""

import gc
import os
import socket

from sft.job import SFTJob

from .collector import collector_paused
from .memory import keep_freed_memory, release_freed_memory


def train_in_process(job: SFTJob) -> None:
    """Train like a single Ray Train worker, without Ray Train; the weights are the same, bit for bit."""
    os.environ.update(job.env)
    if not job.use_gpu:
        keep_freed_memory()
    with collector_paused():
        from sft.compat.deepspeed import forget_last_training
        from sft.worker import train

    if "MASTER_PORT" not in os.environ:
        os.environ.update(group_of_one())
    forget_last_training()
    train(job)
    # The trainer and the model form reference cycles, which would keep their memory until the next collection.
    gc.collect()
    release_freed_memory()


def group_of_one() -> dict[str, str]:
    """Environment variables of a process group with one rank."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ranks = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}
    return ranks | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
