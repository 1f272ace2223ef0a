"""Detection of a CPU that only emulates bfloat16."""

import torch

from rewriter_agent.config import RunConfig


def precision_hint(config: RunConfig) -> str | None:
    """Advise a change if bfloat16 is slow on this machine; None if it is not, or the config does not use it."""
    options = {"model.dtype=float32": config.model.dtype == "bfloat16", "sft.bf16=false": config.sft.bf16}
    changes = " ".join(f"--set {option}" for option, asked in options.items() if asked)
    if config.cluster.device == "gpu" or not changes or _has_bfloat16():
        return None
    return (
        "this CPU has no instructions for bfloat16 (AVX-512), and multiplies its matrices several times more slowly "
        f"than float32's: {changes} is faster here, and takes more memory for weights"
    )


def _has_bfloat16() -> bool:
    """Whether this CPU has vector instructions that bfloat16 kernels are written for."""
    return torch.backends.cpu.get_cpu_capability().startswith(("AVX512", "SVE"))
