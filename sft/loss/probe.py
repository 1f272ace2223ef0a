"""Probe: divergence of the trained model from the backbone, on the backbone's own answers."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sft.data.collator import SFTCollator
from sft.data.dataset import IGNORE_INDEX

from .forward import fused_completions


class Probe:
    """A fixed set of the backbone's own answers with their log-probs under it, as rows of `to_dataset`.

    Ranks share the rows. Each runs the same number of forward passes, since under ZeRO-3 a pass is a collective.
    """

    def __init__(
        self,
        rows: Sequence[Mapping[str, Any]],
        collator: SFTCollator,
        batch_size: int,
        rank: int,
        world_size: int,
    ) -> None:
        ours = list(rows[rank::world_size])
        if len(ours) < -(-len(rows) // world_size):
            # Fill up with a row without labels, which does not count.
            ours.append({**rows[0], "labels": [IGNORE_INDEX] * len(rows[0]["labels"])})
        self.batches = [collator(ours[i : i + batch_size]) for i in range(0, len(ours), batch_size)]

    @torch.no_grad()
    def sums(self, model: nn.Module, device: torch.device) -> Tensor:
        """Sum of the estimates of KL(pi_0 || pi_theta), in nats, over this rank's tokens, and their number."""
        sums = torch.zeros(2, dtype=torch.float64, device=device)
        training = model.training
        model.eval()
        for batch in self.batches:
            inputs = {name: batch[name].to(device) for name in ("input_ids", "attention_mask", "labels")}
            completions, _ = fused_completions(model, inputs)
            values = divergence(completions.logprobs, batch["prior_logprobs"][:, 1:].to(device))
            sums += torch.stack(
                [values.masked_fill(~completions.mask, 0).double().sum(), completions.mask.double().sum()]
            )
        model.train(training)
        return sums


def divergence(logprobs: Tensor, backbone_logprobs: Tensor) -> Tensor:
    """Estimator r - 1 - log r, with r = pi_theta / pi_0 at tokens sampled from pi_0.

    Its mean is KL(pi_0 || pi_theta). It is never negative and has a lower variance than -log r (estimator k3 in
    Schulman, "Approximating KL divergence", 2020).
    """
    log_ratio = (logprobs - backbone_logprobs).clamp(-20, 20)
    return log_ratio.exp() - 1 - log_ratio
