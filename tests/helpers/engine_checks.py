"""Specification of real engines on the laboratory's backbone, and transformers as the reference."""

from itertools import chain
from pathlib import Path

import torch
from transformers import LlamaForCausalLM

from cluster.fleet.fleet import Fleet
from cluster.fleet.settings import FleetSettings, HealthPolicy
from cluster.types import Completion, EngineSpec, GenerateRequest, ScoreRequest
from rewriter_agent.models.lab import LAB_FOLDER

TIMEOUT = 120
SETTINGS = FleetSettings(HealthPolicy(TIMEOUT, TIMEOUT, TIMEOUT), heartbeat_seconds=1, window=2)
# Nats per token between two float32 computations of the same weights; other weights differ far more.
MEAN_TOLERANCE, TOKEN_TOLERANCE = 1e-4, 1e-2
SPEC = EngineSpec(
    model=str(LAB_FOLDER),
    dtype="float32",
    max_model_len=512,
    max_num_seqs=16,
    device="cpu",
    threads=1,
    tensor_parallel_size=1,
    gpu_memory_utilization=0.8,
    kv_cache_gb=0.25,
    num_cpus=0.3,
    num_gpus=0,
    stop_token_ids=(2,),
)


def requests(prompts: list[list[int]], max_tokens: int = 64) -> list[GenerateRequest]:
    return [GenerateRequest(prompt, max_tokens, 1.0, 100 + i) for i, prompt in enumerate(prompts)]


def score_requests(prompts: list[list[int]], completions: list[Completion]) -> list[ScoreRequest]:
    return [ScoreRequest(p, c.token_ids) for p, c in zip(prompts, completions, strict=True)]


def logprobs(fleet: Fleet, asked: list[ScoreRequest]) -> list[list[float]]:
    return [scored.logprobs for scored in fleet.score(asked)]


@torch.inference_mode()
def reference_logprobs(model: LlamaForCausalLM, request: ScoreRequest) -> list[float]:
    """Log-probs of the completion's tokens, in nats."""
    logits = model(torch.tensor([request.prompt_ids + request.completion_ids])).logits[0].float()
    rows = logits[len(request.prompt_ids) - 1 : -1].log_softmax(-1)
    return rows.gather(1, torch.tensor(request.completion_ids)[:, None])[:, 0].tolist()


def assert_agree(left: list[list[float]], right: list[list[float]]) -> None:
    a, b = torch.tensor([*chain(*left)]), torch.tensor([*chain(*right)])
    assert a.shape == b.shape
    difference = (a - b).abs()
    assert difference.mean() < MEAN_TOLERANCE
    assert difference.max() < TOKEN_TOLERANCE


def load_reference(folder: Path) -> LlamaForCausalLM:
    return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def perturb(model: LlamaForCausalLM, seed: int) -> LlamaForCausalLM:
    """Change every matrix, the tied embedding included."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator) * 0.3 * weight.std())
    return model
