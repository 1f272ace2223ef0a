"""Several workers share each row: Accelerate's sequence parallelism, DeepSpeed Ulysses underneath."""

from collections.abc import Sequence
from itertools import islice
from math import ceil
from typing import Any, TypeVar

import transformers.trainer
from accelerate import ParallelismConfig
from accelerate.utils import DeepSpeedSequenceParallelConfig

from sft.config.sft import SFTConfig
from sft.data.epochs import passes

Row = TypeVar("Row")


def parallelism(sft: SFTConfig) -> ParallelismConfig:
    """For the training arguments."""
    handler = DeepSpeedSequenceParallelConfig(sp_attn_implementation=sft.attn_implementation or "sdpa")
    return ParallelismConfig(sp_size=sft.sp_size, sp_backend="deepspeed", sp_handler=handler)


def length_multiple(sft: SFTConfig, use_gpu: bool) -> int:
    """Of a batch's length. DeepSpeed's loader gathers all workers' batches, which Gloo does of one length only."""
    return sft.sp_size if use_gpu else ceil(sft.max_length / sft.sp_size) * sft.sp_size


def laid_out(rows: Sequence[Row], how_many: int, seed: int) -> list[Row]:
    """The rows of all steps in their order, shuffled anew for each pass.

    DeepSpeed's loader does not tell the sampler of a new pass, so that there is one pass only.
    """
    return list(islice(passes(rows, seed), how_many))


def skip_by_drawing() -> None:
    """Let transformers go on from a checkpoint: it skips batches by making the loader anew, and DeepSpeed's holds
    nothing that it could be made from. So the batches are drawn and dropped, by every rank."""

    def skip(loader: Any, num_batches: int = 0) -> Any:
        for _ in range(num_batches):
            next(loader)
        return loader

    transformers.trainer.skip_first_batches = skip  # ty: ignore[invalid-assignment]
