"""Importance weights of completion tokens. All of them are constants to the gradient."""

from dataclasses import dataclass, fields
from typing import assert_never

import torch
from torch import Tensor

from sft.config import DFTWeight, NoWeight, TokenISWeight, Weight

MAX_LOG_RATIO = 20.0


@dataclass(frozen=True)
class TokenWeights:
    """Weights of tokens, detached, in float32, of the shape of the log-probs they were made from."""

    weights: Tensor
    """What the loss of each token is multiplied with."""

    ratio: Tensor
    """The same before clipping."""


@torch.no_grad()
def none_weights(logprobs: Tensor) -> TokenWeights:
    """w = 1: maximum likelihood."""
    ones = torch.ones_like(logprobs, dtype=torch.float32)
    return TokenWeights(ones, ones)


@torch.no_grad()
def dft_weights(logprobs: Tensor) -> TokenWeights:
    """w = pi_theta(y_t), so that L = -sum sg(pi_theta) log pi_theta (DFT, arXiv 2508.05629)."""
    ratio = logprobs.float().exp()
    return TokenWeights(ratio, ratio)


@torch.no_grad()
def token_is_weights(logprobs: Tensor, behavior_logprobs: Tensor, clip_max: float) -> TokenWeights:
    """w = min(pi_theta(y_t) / pi_behavior(y_t), clip_max), from natural-log probabilities of one shape.

    The log-ratio is held within +-20, so that the ratio is finite and never 0.
    """
    log_ratio = logprobs.float() - behavior_logprobs.float()
    ratio = log_ratio.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp()
    return TokenWeights(ratio.clamp(max=clip_max), ratio)


def token_weights(weight: Weight, logprobs: Tensor, behavior_logprobs: Tensor) -> TokenWeights:
    """Weights under the configured rule; `behavior_logprobs` is read by `token_is` only."""
    match weight:
        case NoWeight():
            return none_weights(logprobs)
        case DFTWeight():
            return dft_weights(logprobs)
        case TokenISWeight(clip_max=clip_max):
            return token_is_weights(logprobs, behavior_logprobs, clip_max)
        case _:
            assert_never(weight)


@dataclass(frozen=True)
class WeightSums:
    """Sums over tokens, which add up over batches and ranks; turned into statistics at the end.

    Each is a float64 scalar tensor, so that summing does not wait for the device.
    """

    tokens: Tensor
    weight: Tensor
    weight_squared: Tensor
    clipped: Tensor
    ratio: Tensor
    ratio_max: Tensor

    @classmethod
    def zeros(cls, device: torch.device) -> "WeightSums":
        """The sums over no tokens."""
        return cls(*torch.zeros(6, dtype=torch.float64, device=device))

    @classmethod
    @torch.no_grad()
    def of(cls, values: TokenWeights, mask: Tensor) -> "WeightSums":
        """Sums over the tokens where the boolean `mask` is true."""
        weights = values.weights.double().masked_fill(~mask, 0)
        ratio = values.ratio.double().masked_fill(~mask, 0)
        clipped = (values.weights < values.ratio) & mask
        return cls(
            tokens=mask.sum().double(),
            weight=weights.sum(),
            weight_squared=weights.square().sum(),
            clipped=clipped.sum().double(),
            ratio=ratio.sum(),
            ratio_max=ratio.max(),
        )

    def __add__(self, other: "WeightSums") -> "WeightSums":
        return WeightSums(
            tokens=self.tokens + other.tokens,
            weight=self.weight + other.weight,
            weight_squared=self.weight_squared + other.weight_squared,
            clipped=self.clipped + other.clipped,
            ratio=self.ratio + other.ratio,
            ratio_max=torch.maximum(self.ratio_max, other.ratio_max),
        )

    def stack(self) -> Tensor:
        """The six sums in the order of the fields, shape (6,)."""
        return torch.stack([getattr(self, field.name) for field in fields(self)])


def weight_statistics(sums: WeightSums) -> dict[str, float]:
    """Statistics over the summed tokens; there must be at least one.

    `ess`: effective sample size as a share of the tokens, (sum w)^2 / (n sum w^2), 1 for equal weights.
    `clip_fraction`: share of tokens whose ratio was clipped. `ratio_mean`, `ratio_max`: before clipping.
    """
    return {
        "ess": (sums.weight.square() / (sums.tokens * sums.weight_squared)).item(),
        "clip_fraction": (sums.clipped / sums.tokens).item(),
        "ratio_mean": (sums.ratio / sums.tokens).item(),
        "ratio_max": sums.ratio_max.item(),
    }
