"""Whether this machine computes in the number format that a config names, or only imitates it."""

import torch

from ..config import RunConfig


def precision_hint(config: RunConfig) -> str | None:
    """What to change where bfloat16 is slow here; None where it is not, or is not asked for."""
    asked = config.cluster.device == "cpu" and config.model.dtype == "bfloat16"
    if not asked or torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return None
    return (
        "this CPU has no instructions for bfloat16 (AVX-512), and multiplies its matrices several times more slowly "
        "than float32's: --set model.dtype=float32 is faster here, and takes twice the memory for weights"
    )
