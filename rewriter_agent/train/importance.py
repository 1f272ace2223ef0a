"""The correction for engines whose log-probs differ from the learner's, from log-probs that the loss has computed.

TRL computes a step's candidates once for the correction and once more for the loss. If each candidate is used in one
optimiser step only, both are under the same weights, and once is enough.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Correction:
    """TRL's `vllm_importance_sampling_mode`, with its bounds on the ratio (None for none)."""

    mode: str
    low: float | None
    high: float | None
    differences: list[Tensor] = field(default_factory=list)
    ratios: list[Tensor] = field(default_factory=list)
    """Ratios of all batches since `metrics` was last called."""

    def ratio(self, logps: Tensor, sampled: Tensor, mask: Tensor) -> Tensor:
        """Learner over engine, (candidates, tokens) or (candidates, 1), from log-probs (candidates, tokens) of both.

        A token without one by the engine (NaN) is not corrected.
        """
        logps, tokens = logps.detach(), mask.bool()
        difference = torch.nan_to_num((logps - sampled) * tokens, nan=0.0)
        by_sequence = self.mode.startswith("sequence")
        ratio = torch.exp(difference.sum(-1, keepdim=True) if by_sequence else difference)
        if self.mode.endswith("truncate"):
            ratio = ratio.clamp(self.low, self.high)
        else:
            low, high = self.low or 0.0, torch.inf if self.high is None else self.high
            ratio = ratio.masked_fill((ratio < low) | (ratio > high), 0.0)
        self.differences.append((logps - sampled).abs()[tokens & ~sampled.isnan()])
        self.ratios.append(ratio.flatten() if by_sequence else ratio[tokens])
        return ratio

    def metrics(self) -> dict[str, float]:
        """Return the metrics of these batches under TRL's names, and start again."""
        difference, ratio = torch.cat(self.differences), torch.cat(self.ratios)
        self.differences, self.ratios = [], []
        return {
            "sampling/sampling_logp_difference/mean": difference.mean().item(),
            "sampling/sampling_logp_difference/max": difference.max().item(),
            "sampling/importance_sampling_ratio/min": ratio.min().item(),
            "sampling/importance_sampling_ratio/mean": ratio.mean().item(),
            "sampling/importance_sampling_ratio/max": ratio.max().item(),
        }
