"""Exact next-token entropies from vLLM, which reports log-probs only."""

from typing import Any

ENTROPY_ID = -1
"""Stands where a token id would: the entry beside a prompt token's own holds the entropy."""


def add_entropy_column(worker: Any) -> None:
    """Make `prompt_logprobs=1` report entropies (nats) in place of the most likely token.

    To be run on each worker, once. The entropy needs the whole distribution, which only the worker ever has:
    a tokens x vocabulary table is too large to send.
    """
    import torch

    sampler = worker.model_runner.sampler
    gather = sampler.gather_logprobs

    def gather_with_entropy(logprobs: Any, num_logprobs: int, token_ids: Any) -> Any:
        gathered = gather(logprobs, 0 if num_logprobs == 1 else num_logprobs, token_ids)
        if num_logprobs != 1:
            return gathered
        entropy = -(logprobs.exp() * logprobs).nan_to_num_(0.0).sum(-1, keepdim=True)
        ids = torch.full_like(gathered.logprob_token_ids, ENTROPY_ID)
        return gathered._replace(
            logprob_token_ids=torch.cat([gathered.logprob_token_ids, ids], dim=1),
            logprobs=torch.cat([gathered.logprobs, entropy.to(gathered.logprobs.dtype)], dim=1),
        )

    sampler.gather_logprobs = gather_with_entropy
