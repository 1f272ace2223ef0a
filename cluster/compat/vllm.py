"""Private parts of vLLM."""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any

from .version import check_version

VERSION = "0.32"


def check_vllm() -> None:
    """Check vLLM's version.

    Raises:
        ImportError: this module was written for another one.
    """
    import vllm

    check_version("vllm", vllm.__version__, VERSION)


def allow_amx() -> None:
    """Ask the kernel for the tile registers of AMX in this process, if the CPU has them.

    vLLM's attention in bfloat16 uses them and does not ask: the process dies of SIGILL, unless oneDNN has asked before,
    which it does for layers of some sizes only. An upstream issue on it was not found.
    """
    import torch

    if torch.cpu._is_amx_tile_supported():
        torch.cpu._init_amx()


def replace_gather_logprobs(worker: Any, gather: Callable[[Any, int, Any], Any]) -> None:
    """Have a worker's sampler choose with `gather` what it reports of the log-probs of all tokens.

    vLLM returns log-probs of tokens only, and has no option for a statistic of the distribution. Log-probs of the whole
    vocabulary are too large to send; a related request is https://github.com/vllm-project/vllm/issues/9404.
    """
    worker.model_runner.sampler.gather_logprobs = gather


@contextmanager
def without_lora_layers(model: Any) -> Generator[None]:
    """Remove vLLM's LoRA layers from the worker's model inside the block.

    vLLM wraps linear layers when adapters are enabled. This renames their parameters, and `reload_weights` no longer
    finds the names of a checkpoint (https://github.com/vllm-project/vllm/issues/39934).
    """
    from vllm.lora.layers.base import BaseLayerWithLoRA

    # Layers within a LoRA layer are its own, and not to be touched.
    wrapped = [
        (parent, name, layer)
        for parent, name, layer in _modules(model, BaseLayerWithLoRA)
        if not isinstance(parent, BaseLayerWithLoRA)
    ]
    for parent, name, layer in wrapped:
        setattr(parent, name, layer.base_layer)
    try:
        yield
    finally:
        for parent, name, layer in wrapped:
            setattr(parent, name, layer)


def unwrap_lora_head(model: Any) -> None:
    """Remove the LoRA layer of the head: with it vLLM cannot compute prompt log-probs on a CPU.

    No adapter is on the head; `publish` of the learner refuses one that is. On GPUs vLLM leaves an adapter of the head
    out of prompt log-probs (https://github.com/vllm-project/vllm/issues/51594).
    """
    from vllm.lora.layers.logits_processor import LogitsProcessorWithLoRA

    for parent, name, layer in _modules(model, LogitsProcessorWithLoRA):
        setattr(parent, name, layer.base_layer)


def repack_tied_head(worker: Any) -> None:
    """Repack a tied head after a reload.

    vLLM skips a tied head when it loads weights. Its CPU backend computes the head with a packed copy of the embedding,
    which would keep the old weights. Faults of this kind are collected in
    https://github.com/vllm-project/vllm/issues/48312.
    """
    from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead

    if worker.model_config.hf_text_config.tie_word_embeddings:
        for module in worker.get_model().modules():
            if isinstance(module, ParallelLMHead):
                module.quant_method.process_weights_after_loading(module)


def output_ids(request_ids: Iterable[str]) -> list[str]:
    """Ids that outputs carry, from the ids of `LLM.enqueue`, to which vLLM appends a random suffix."""
    return [request_id.rpartition("-")[0] for request_id in request_ids]


def abort_all_requests(llm: Any) -> None:
    """Abort all requests of an engine: `LLM` has no public way to do so, unlike `AsyncLLM`."""
    engine = llm.llm_engine
    # `internal` says that the ids have the suffix.
    engine.abort_request(list(engine.output_processor.request_states), internal=True)


def _modules(model: Any, kind: type) -> list[tuple[Any, str, Any]]:
    """Every module of a class, with its parent and its name in the parent."""
    return [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, kind)
    ]
