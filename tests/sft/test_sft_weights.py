import math

import pytest
import torch

from sft.config import DFTWeight, NoWeight, TokenISWeight
from sft.weights import (
    TokenWeights,
    WeightSums,
    dft_weights,
    token_is_weights,
    token_weights,
    weight_statistics,
)

LOGPROBS = torch.tensor([0.5, 0.25, 0.1]).log()
BEHAVIOR = torch.tensor([0.25, 0.5, 0.01]).log()


def test_weights_by_hand() -> None:
    assert token_weights(NoWeight(), LOGPROBS, BEHAVIOR).weights.tolist() == [1.0, 1.0, 1.0]
    torch.testing.assert_close(
        token_weights(DFTWeight(), LOGPROBS, BEHAVIOR).weights, torch.tensor([0.5, 0.25, 0.1])
    )
    values = token_weights(TokenISWeight(clip_max=3.0), LOGPROBS, BEHAVIOR)
    torch.testing.assert_close(values.ratio, torch.tensor([2.0, 0.5, 10.0]))
    torch.testing.assert_close(values.weights, torch.tensor([2.0, 0.5, 3.0]))


def test_ratio_is_finite_and_positive_for_any_logprobs() -> None:
    values = token_is_weights(torch.tensor([-1000.0, 0.0]), torch.tensor([0.0, -1000.0]), clip_max=2.0)
    torch.testing.assert_close(values.ratio, torch.tensor([math.exp(-20.0), math.exp(20.0)]))
    assert values.weights[1] == 2.0


def test_weights_are_constants_to_the_gradient() -> None:
    logprobs = LOGPROBS.clone().requires_grad_()
    (dft_weights(logprobs).weights * logprobs).sum().backward()
    # d(sg(p) log p) / d(log p) = p, where without the stop it would be p + p log p.
    assert logprobs.grad is not None
    torch.testing.assert_close(logprobs.grad, LOGPROBS.exp())


def test_statistics_by_hand() -> None:
    values = TokenWeights(
        weights=torch.tensor([[1.0, 2.0, 2.0, 9.0]]), ratio=torch.tensor([[1.0, 2.0, 6.0, 99.0]])
    )
    mask = torch.tensor([[True, True, True, False]])
    statistics = weight_statistics(WeightSums.of(values, mask))
    assert statistics == pytest.approx(
        {"ess": 25 / (3 * 9), "clip_fraction": 1 / 3, "ratio_mean": 3.0, "ratio_max": 6.0}
    )


def test_sums_over_parts_are_the_sums_over_the_whole() -> None:
    generator = torch.Generator().manual_seed(0)
    logprobs = -4 * torch.rand(6, 10, generator=generator)
    behavior = -4 * torch.rand(6, 10, generator=generator)
    values = token_is_weights(logprobs, behavior, clip_max=2.0)
    mask = torch.rand(6, 10, generator=generator) < 0.6
    parts = WeightSums.zeros(torch.device("cpu"))
    for i in range(6):
        parts = parts + WeightSums.of(TokenWeights(values.weights[i], values.ratio[i]), mask[i])
    torch.testing.assert_close(parts.stack(), WeightSums.of(values, mask).stack())
    statistics = weight_statistics(parts)
    kept = values.weights[mask]
    assert statistics["ess"] == pytest.approx((kept.sum() ** 2 / (len(kept) * kept.square().sum())).item())


def test_equal_weights_have_full_sample_size() -> None:
    values = token_weights(NoWeight(), LOGPROBS, BEHAVIOR)
    statistics = weight_statistics(WeightSums.of(values, torch.ones(3, dtype=torch.bool)))
    assert statistics == {"ess": 1.0, "clip_fraction": 0.0, "ratio_mean": 1.0, "ratio_max": 1.0}
