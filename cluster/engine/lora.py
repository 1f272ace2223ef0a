"""LoRA adapters in a vLLM engine, served one at a time on unchanged base weights."""

from pathlib import Path
from typing import Any

from .named_weights import checkpoint_tensors, checksum

SUPPORTED_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Values of vLLM's `max_lora_rank`."""


def supported_rank(rank: int) -> int:
    """Smallest `max_lora_rank` of an engine that serves adapters of this rank.

    Raises:
        ValueError: the rank is larger than vLLM supports.
    """
    if rank > SUPPORTED_RANKS[-1]:
        raise ValueError(
            f"cluster.enable_lora: the adapter's rank is {rank}, and vLLM serves up to {SUPPORTED_RANKS[-1]}; lower "
            "train.lora.r, or set cluster.enable_lora=false, which serves merged weights"
        )
    return next(supported for supported in SUPPORTED_RANKS if supported >= rank)


class LoraManager:
    """The adapter that an engine currently serves."""

    def __init__(self, llm: Any) -> None:
        llm.collective_rpc("unwrap_head")
        self.llm = llm
        self.request: Any = None
        """vLLM's LoRARequest of the adapter; None without one."""
        self._count = 0

    def serve(self, version: int, folder: Path) -> int:
        """Replace the adapter with the one that PEFT has saved in `folder`; return its checksum."""
        from vllm.lora.request import LoRARequest

        self.drop()
        self._count += 1
        # vLLM caches adapters and prefixes by name and id, and a version may be published again with other weights.
        self.request = LoRARequest(f"version {version}, number {self._count}", self._count, str(folder))
        adapter_checksum = checksum(checkpoint_tensors(folder))
        self.llm.llm_engine.add_lora(self.request)
        return adapter_checksum

    def drop(self) -> None:
        """Stop serving an adapter."""
        if self.request is not None:
            self.llm.llm_engine.remove_lora(self.request.lora_int_id)
            self.request = None
