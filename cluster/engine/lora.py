"""LoRA adapters in a vLLM engine: served one after the other, on weights that stay what they are."""

from collections.abc import Generator
from contextlib import contextmanager
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


class Adapters:
    """The adapter that an engine serves."""

    def __init__(self, llm: Any) -> None:
        llm.collective_rpc(_leave_head_alone)
        self.llm = llm
        self.request: Any = None
        """vLLM's name of it; None where there is none."""
        self._count = 0

    def serve(self, version: int, folder: Path) -> int:
        """Serve the one that PEFT has saved in `folder` in place of the last; its checksum."""
        from vllm.lora.request import LoRARequest

        self.drop()
        self._count += 1
        # vLLM knows adapters, and what it has computed with them, by their names: a version may be published again.
        self.request = LoRARequest(f"version {version}, number {self._count}", self._count, str(folder))
        found = checksum(checkpoint_tensors(folder))
        self.llm.llm_engine.add_lora(self.request)
        return found

    def drop(self) -> None:
        """Serve none."""
        if self.request is not None:
            self.llm.llm_engine.remove_lora(self.request.lora_int_id)
            self.request = None


@contextmanager
def taken_off(model: Any) -> Generator[None]:
    """The worker's model as it was before vLLM made room for adapters: checkpoints have its names."""
    from vllm.lora.layers.base import BaseLayerWithLoRA

    wrappers = [
        found for found in _modules(model, BaseLayerWithLoRA) if not isinstance(found[0], BaseLayerWithLoRA)
    ]
    for parent, name, wrapper in wrappers:
        setattr(parent, name, wrapper.base_layer)
    yield
    for parent, name, wrapper in wrappers:
        setattr(parent, name, wrapper)


def _leave_head_alone(worker: Any) -> None:
    """No adapter is on the head, and with room for one vLLM cannot compute a prompt's log-probs on the CPU."""
    from vllm.lora.layers.logits_processor import LogitsProcessorWithLoRA

    for parent, name, wrapper in _modules(worker.get_model(), LogitsProcessorWithLoRA):
        setattr(parent, name, wrapper.base_layer)


def _modules(model: Any, kind: type) -> list[tuple[Any, str, Any]]:
    """Each module of a kind, with the one that it is in and its name there."""
    return [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, kind)
    ]
