"""Forward passes, and the tensors that the losses read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sft.data.dataset import IGNORE_INDEX


@dataclass(frozen=True)
class Completions:
    """Values of the labels in a batch of B rows of L tokens.

    Each tensor has shape (B, L-1), with an element for every token but the first, and 0 at tokens without a label.
    """

    logprobs: Tensor
    """Log-probs of the labels, in nats, with gradient."""

    entropies: Tensor
    """Entropies of the distributions, in nats, detached."""

    is_top1: Tensor
    """Whether the label is the likeliest token."""

    mask: Tensor
    """True at tokens with a label."""

    divergences: Tensor | None = None
    """KL(pi_ref || pi_theta) in nats, with gradient; None without a reference model."""


def fused_completions(model: nn.Module, inputs: dict[str, Tensor]) -> tuple[Completions, Any]:
    """Run the model with TRL's fused head, which never holds all logits; also returns the model's output.

    SFTTrainer adds the argument `fused_lm_head` to its model (`trl.trainer.add_fused_lm_head`). The head computes
    log-probs and entropies in chunks.
    """
    outputs = model(**inputs, use_cache=False, fused_lm_head=True)
    completions = Completions(
        outputs.log_probs.float(), outputs.entropy.detach().float(), outputs.is_top1, outputs.label_mask
    )
    return completions, outputs


def referenced_completions(
    model: nn.Module, reference: Callable[..., Any], inputs: dict[str, Tensor]
) -> tuple[Completions, Any]:
    """Run the model and a frozen reference, whose divergence needs the logits of both at every label."""
    labels = inputs["labels"][:, 1:]
    model_inputs = {name: tensor for name, tensor in inputs.items() if name != "labels"}
    mask = labels != IGNORE_INDEX
    outputs = model(**model_inputs, use_cache=False)
    logprobs = outputs.logits[:, :-1][mask].float().log_softmax(-1)
    frozen = _frozen_logprobs(reference, inputs)
    # PyTorch's kl_div(input, target) is KL(target || input).
    divergences = nn.functional.kl_div(logprobs, frozen, reduction="none", log_target=True).sum(-1)
    chosen = logprobs.gather(-1, labels[mask][:, None])[:, 0]

    def scatter(values: Tensor) -> Tensor:
        return values.new_zeros(mask.shape).masked_scatter(mask, values)

    completions = Completions(
        scatter(chosen),
        scatter(-(logprobs.exp() * logprobs).sum(-1).detach()),
        scatter((logprobs.argmax(-1) == labels[mask]).float()),
        mask,
        scatter(divergences),
    )
    return completions, outputs


@torch.no_grad()
def mass_above(reference: Callable[..., Any], inputs: dict[str, Tensor]) -> Tensor:
    """Mass that a frozen reference gives to the tokens likelier than each label; shape (B, L-1), 0 without a label."""
    labels = inputs["labels"][:, 1:]
    mask = labels != IGNORE_INDEX
    probabilities = _frozen_logprobs(reference, inputs).exp()
    chosen = probabilities.gather(-1, labels[mask][:, None])
    above = probabilities.masked_fill(probabilities <= chosen, 0).sum(-1)
    return above.new_zeros(mask.shape).masked_scatter(mask, above)


@torch.no_grad()
def _frozen_logprobs(reference: Callable[..., Any], inputs: dict[str, Tensor]) -> Tensor:
    """Log-probs of the whole vocabulary at every label, in nats; shape (labels, vocabulary)."""
    model_inputs = {name: tensor for name, tensor in inputs.items() if name != "labels"}
    logits = reference(**model_inputs, use_cache=False).logits[:, :-1]
    return logits[inputs["labels"][:, 1:] != IGNORE_INDEX].float().log_softmax(-1)
