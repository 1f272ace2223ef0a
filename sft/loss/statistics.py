"""Statistics of token weights over batches and ranks."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from .weights import TokenWeights


@dataclass(frozen=True)
class WeightSums:
    """Sums over tokens that can be added over batches and ranks.

    Each is a float64 scalar tensor: adding does not synchronise with the device.
    """

    tokens: Tensor
    weight: Tensor
    weight_squared: Tensor
    clipped: Tensor
    masked: Tensor
    ratio: Tensor
    ratio_max: Tensor

    @classmethod
    def zeros(cls, device: torch.device) -> "WeightSums":
        """The sums over no tokens."""
        return cls(*torch.zeros(len(fields(cls)), dtype=torch.float64, device=device))

    @classmethod
    @torch.no_grad()
    def of(cls, values: TokenWeights, mask: Tensor) -> "WeightSums":
        """Sums over the tokens at which the boolean `mask` is true."""
        weights = values.weights.double().masked_fill(~mask, 0)
        ratio = values.ratio.double().masked_fill(~mask, 0)
        masked = (values.weights == 0) & mask
        return cls(
            tokens=mask.sum().double(),
            weight=weights.sum(),
            weight_squared=weights.square().sum(),
            clipped=((values.weights < values.ratio) & mask & ~masked).sum().double(),
            masked=masked.sum().double(),
            ratio=ratio.sum(),
            ratio_max=ratio.max(),
        )

    def __add__(self, other: "WeightSums") -> "WeightSums":
        added = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        return WeightSums(**added | {"ratio_max": torch.maximum(self.ratio_max, other.ratio_max)})

    def stack(self) -> Tensor:
        """The sums in the order of the fields, `ratio_max` last."""
        return torch.stack([getattr(self, field.name) for field in fields(self)])


def weight_statistics(sums: WeightSums) -> dict[str, float]:
    """Statistics of the weights of at least one token.

    - `ess`: effective sample size as a share of the tokens, (sum w)^2 / (n sum w^2); 0 if all weights are 0
    - `clip_fraction`, `mask_fraction`: shares of tokens with a clipped ratio, and with weight 0
    - `ratio_mean`, `ratio_max`: ratios before clipping and masking
    """
    # If all weights are 0 the quotient would be 0/0.
    squared = (sums.tokens * sums.weight_squared).clamp(min=torch.finfo(torch.float64).tiny)
    return {
        "ess": (sums.weight.square() / squared).item(),
        "clip_fraction": (sums.clipped / sums.tokens).item(),
        "mask_fraction": (sums.masked / sums.tokens).item(),
        "ratio_mean": (sums.ratio / sums.tokens).item(),
        "ratio_max": sums.ratio_max.item(),
    }
