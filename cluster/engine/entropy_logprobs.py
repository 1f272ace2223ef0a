"""Exact entropies from vLLM, in place of the most likely token of `prompt_logprobs=1`."""

from typing import Any

ENTROPY_ID = -1
"""Token id of the entry that holds the entropy, next to the entry of the prompt token itself."""


def gather_entropies(logprobs: Any, num_logprobs: int, token_ids: Any) -> Any:
    """Take log-probs of tokens, and if one more is asked for, the entropy (nats) of each distribution; no ranks.

    It replaces the method `gather_logprobs` of vLLM's sampler in each worker. The entropy needs the whole distribution,
    which only the worker has: a table of tokens x vocabulary is too large to send. The rank is not used here, and takes
    a pass over that table.

    Takes (tokens x vocabulary), 0 or 1, (tokens); returns ids and values, tokens x (1 + num_logprobs).
    """
    import torch
    from vllm.v1.outputs import LogprobsTensors

    assert num_logprobs in (0, 1), f"engines ask for 0 or 1 log-probs, not {num_logprobs}"
    ids = token_ids.unsqueeze(-1)
    values = logprobs.gather(-1, ids)
    if num_logprobs == 1:
        entropy = -(logprobs.exp() * logprobs).nan_to_num_(0.0).sum(-1, keepdim=True)
        ids = torch.cat([ids, torch.full_like(ids, ENTROPY_ID)], dim=1)
        values = torch.cat([values, entropy.to(values.dtype)], dim=1)
    return LogprobsTensors(ids.to(torch.int32), values, torch.zeros_like(token_ids))
