"""Trainings of one worker in the calling process, one after another: only the first waits for the libraries."""

import gc
import os
import socket

from sft.job import SFTJob

from .memory import give_back_freed_memory, keep_freed_memory


def train_alone(job: SFTJob) -> None:
    """What a Ray Train worker does, without Ray Train; the weights are the same, bit for bit."""
    os.environ.update(job.env)
    if not job.use_gpu:
        keep_freed_memory()
    from accelerate.state import AcceleratorState

    from sft.worker import train

    if "MASTER_PORT" not in os.environ:
        os.environ.update(_group_of_one())
    # Accelerate keeps the first training's DeepSpeed config for all that follow in a process.
    AcceleratorState._reset_state(reset_partial_state=True)
    train(job)
    # What is left of it refers to itself all around, and is as large as the training.
    gc.collect()
    give_back_freed_memory()


def _group_of_one() -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ranks = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}
    return ranks | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
