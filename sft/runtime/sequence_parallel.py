"""Sequence parallelism: several workers share each row, by Accelerate and DeepSpeed Ulysses."""

from collections.abc import Sequence
from itertools import islice
from math import ceil
from typing import TypeVar

from accelerate import ParallelismConfig
from accelerate.utils import DeepSpeedSequenceParallelConfig

from sft.config.sft import SFTConfig
from sft.data.dataset import shuffled_epochs

Row = TypeVar("Row")


def parallelism(sft: SFTConfig) -> ParallelismConfig:
    """Parallelism config for the training arguments."""
    handler = DeepSpeedSequenceParallelConfig(sp_attn_implementation=sft.attn_implementation or "sdpa")
    return ParallelismConfig(sp_size=sft.sp_size, sp_backend="deepspeed", sp_handler=handler)


def length_multiple(sft: SFTConfig, use_gpu: bool) -> int:
    """Number of which the length of a batch must be a multiple.

    DeepSpeed's loader gathers the batches of all workers, and Gloo can gather tensors of equal length only.
    """
    return sft.sp_size if use_gpu else ceil(sft.max_length / sft.sp_size) * sft.sp_size


def flatten_epochs(rows: Sequence[Row], how_many: int, seed: int) -> list[Row]:
    """Rows of all steps as a single epoch, shuffled for each epoch.

    DeepSpeed's loader does not pass `set_epoch` on to the sampler, which would repeat the order of the first epoch.
    """
    return list(islice(shuffled_epochs(rows, seed), how_many))
