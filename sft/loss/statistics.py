"""How far weights are from equal, over tokens of many batches and ranks."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from .weights import TokenWeights


@dataclass(frozen=True)
class WeightSums:
    """Sums over tokens, which add up over batches and ranks; turned into statistics at the end.

    Each is a float64 scalar tensor, so that summing does not wait for the device.
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
        """Sums over the tokens where the boolean `mask` is true."""
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
    """Statistics over the summed tokens; there must be at least one.

    `ess`: effective sample size as a share of the tokens, (sum w)^2 / (n sum w^2), 1 for equal weights and 0 where
    all are 0. `clip_fraction`, `mask_fraction`: shares of tokens whose ratio was clipped, or whose weight is 0.
    `ratio_mean`, `ratio_max`: before either.
    """
    # All weights 0 make the quotient 0/0, and the sums are at most the square of what they are compared with.
    squared = (sums.tokens * sums.weight_squared).clamp(min=torch.finfo(torch.float64).tiny)
    return {
        "ess": (sums.weight.square() / squared).item(),
        "clip_fraction": (sums.clipped / sums.tokens).item(),
        "mask_fraction": (sums.masked / sums.tokens).item(),
        "ratio_mean": (sums.ratio / sums.tokens).item(),
        "ratio_max": sums.ratio_max.item(),
    }
