"""A forward pass, and what the losses read of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sft.data.dataset import IGNORE_INDEX


@dataclass(frozen=True)
class Completions:
    """Of a batch of B rows of L tokens: (B, L-1) each, a place for each token but the first; 0 where there is no
    label."""

    logprobs: Tensor
    """Of the labels, in nats; carries the gradient."""

    entropies: Tensor
    """In nats, detached."""

    is_top1: Tensor
    """Whether the label is the likeliest token."""

    mask: Tensor
    """Where there is a label."""

    divergences: Tensor | None = None
    """KL(pi_ref || pi_theta) in nats, with gradient, where a reference was asked."""


def fused_completions(model: nn.Module, inputs: dict[str, Tensor]) -> tuple[Completions, Any]:
    """Through TRL's fused head, which never holds all logits; also returns the model's output."""
    outputs = model(**inputs, use_cache=False, fused_lm_head=True)
    found = Completions(
        outputs.log_probs.float(), outputs.entropy.detach().float(), outputs.is_top1, outputs.label_mask
    )
    return found, outputs


def referenced_completions(
    model: nn.Module, reference: Callable[..., Any], inputs: dict[str, Tensor]
) -> tuple[Completions, Any]:
    """With the divergence from a frozen model, for which both need their logits at every label."""
    labels = inputs["labels"][:, 1:]
    asked = {name: tensor for name, tensor in inputs.items() if name != "labels"}
    mask = labels != IGNORE_INDEX
    outputs = model(**asked, use_cache=False)
    logprobs = outputs.logits[:, :-1][mask].float().log_softmax(-1)
    with torch.no_grad():
        frozen = reference(**asked, use_cache=False).logits[:, :-1][mask].float().log_softmax(-1)
    # PyTorch's KL has the arguments the other way round.
    divergences = nn.functional.kl_div(logprobs, frozen, reduction="none", log_target=True).sum(-1)
    chosen = logprobs.gather(-1, labels[mask][:, None])[:, 0]

    def placed(values: Tensor) -> Tensor:
        return values.new_zeros(mask.shape).masked_scatter(mask, values)

    found = Completions(
        placed(chosen),
        placed(-(logprobs.exp() * logprobs).sum(-1).detach()),
        placed((logprobs.argmax(-1) == labels[mask]).float()),
        mask,
        placed(divergences),
    )
    return found, outputs
