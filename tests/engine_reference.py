"""A vLLM engine on the CPU, and what transformers says of the same weights."""

from pathlib import Path

import torch
from transformers import LlamaForCausalLM

from cluster.types import EngineSpec, ScoreRequest


def cpu_engine(
    model: Path, dtype: str, max_model_len: int, max_num_seqs: int, kv_cache_gb: float
) -> EngineSpec:
    """An engine of one thread."""
    return EngineSpec(
        model=str(model),
        dtype=dtype,
        max_model_len=max_model_len,
        max_num_seqs=max_num_seqs,
        device="cpu",
        threads=1,
        tensor_parallel_size=1,
        gpu_memory_utilization=0.8,
        kv_cache_gb=kv_cache_gb,
        num_cpus=0.3,
        num_gpus=0,
    )


@torch.inference_mode()
def reference_logprobs(model: LlamaForCausalLM, request: ScoreRequest) -> list[float]:
    """Of the completion's tokens, in nats."""
    logits = model(torch.tensor([request.prompt_ids + request.completion_ids])).logits[0].float()
    rows = logits[len(request.prompt_ids) - 1 : -1].log_softmax(-1)
    return rows.gather(1, torch.tensor(request.completion_ids)[:, None])[:, 0].tolist()
