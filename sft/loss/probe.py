"""How far training has moved a model from where it began, on answers that it would have given itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sft.data.collator import SFTCollator
from sft.data.dataset import IGNORE_INDEX

from .forward import fused_completions


class Probe:
    """A fixed set of the backbone's own answers, with their log-probs under it; rows are those of `to_dataset`.

    Ranks share the rows, and each does the same number of forward passes, as ZeRO-3 wants.
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
            # Nothing of it is counted.
            ours.append({**rows[0], "labels": [IGNORE_INDEX] * len(rows[0]["labels"])})
        self.batches = [collator(ours[i : i + batch_size]) for i in range(0, len(ours), batch_size)]

    @torch.no_grad()
    def sums(self, model: nn.Module, device: torch.device) -> Tensor:
        """Over this rank's tokens: the estimate of KL(pi_0 || pi_theta) in nats, and their number; shape (2,)."""
        found = torch.zeros(2, dtype=torch.float64, device=device)
        training = model.training
        model.eval()
        for batch in self.batches:
            inputs = {name: batch[name].to(device) for name in ("input_ids", "attention_mask", "labels")}
            completions, _ = fused_completions(model, inputs)
            values = divergence(completions.logprobs, batch["behavior_logprobs"][:, 1:].to(device))
            found += torch.stack(
                [values.masked_fill(~completions.mask, 0).double().sum(), completions.mask.double().sum()]
            )
        model.train(training)
        return found


def divergence(logprobs: Tensor, backbone_logprobs: Tensor) -> Tensor:
    """r - 1 - log r with r = pi_theta / pi_0 at tokens that pi_0 has drawn.

    Its mean is KL(pi_0 || pi_theta), it is never negative, and it varies less than -log r (estimator k3 of Schulman,
    "Approximating KL divergence", 2020).
    """
    log_ratio = (logprobs - backbone_logprobs).clamp(-20, 20)
    return log_ratio.exp() - 1 - log_ratio
