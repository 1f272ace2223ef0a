import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter

from sft.config.weights import Weight
from sft.loss.statistics import WeightSums, weight_statistics
from sft.loss.weights import (
    TokenBatch,
    TokenWeights,
    dft_weights,
    token_is_weights,
    token_weights,
    weights_by_rule,
)

# One row of three completion tokens; the fourth element is padding, whose values must not be read.
LOGPROBS = torch.tensor([[0.5, 0.25, 0.1, 0.9]]).log()
BEHAVIOR = torch.tensor([[0.25, 0.5, 0.01, 1e-9]]).log()
PRIOR = torch.tensor([[0.125, 0.5, 0.025, 1e-9]]).log()
ABOVE = torch.tensor([[0.5, 0.0, 0.25, 0.0]])
ENTROPIES = torch.tensor([[0.0, math.log(20) / 2, 9.0, 9.0]])
MASK = torch.tensor([[True, True, True, False]])
ROWS = torch.zeros(1, 4, dtype=torch.int64)
TOKENS = TokenBatch(LOGPROBS, BEHAVIOR, PRIOR, ENTROPIES, MASK, ROWS, ABOVE)
# Ratios to the behaviour are 2, 1/2 and 10, and to the prior 4, 1/2 and 4.
MEAN = 10 ** (1 / 3)


def rule(kind: str, **options: Any) -> Weight:
    return TypeAdapter(Weight).validate_python({"kind": kind, **options})


@pytest.mark.parametrize(
    ("weight", "weights", "ratio"),
    [
        (rule("none"), [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]),
        (rule("dft"), [0.5, 0.25, 0.1], [0.5, 0.25, 0.1]),
        (rule("asft"), [0.5, 0.25, 0.1], [0.5, 0.25, 0.1]),
        (rule("token_is"), [1.0, 0.5, 1.0], [2.0, 0.5, 10.0]),
        (rule("token_is", clip_max=3), [2.0, 0.5, 3.0], [2.0, 0.5, 10.0]),
        (rule("token_is", clip_max=3, mode="mask"), [2.0, 0.5, 0.0], [2.0, 0.5, 10.0]),
        (rule("sequence_is"), [1.0] * 3, [MEAN] * 3),
        (rule("sequence_is", clip_max=3), [MEAN] * 3, [MEAN] * 3),
        (rule("sequence_is", clip_max=2), [2.0] * 3, [MEAN] * 3),
        (rule("sequence_is", clip_max=2, mode="mask"), [0.0] * 3, [MEAN] * 3),
        (rule("prior_ratio"), [2.0, 0.5, 2.0], [4.0, 0.5, 4.0]),
        (rule("prior_ratio", clip_max=3, mode="mask"), [0.0, 0.5, 0.0], [4.0, 0.5, 4.0]),
        (rule("iw_sft"), [4.0] * 3, [4.0] * 3),
        (rule("iw_sft", scale=3, clip_max=5), [5.0] * 3, [8.0] * 3),
        (rule("prior"), [0.125, 0.5, 0.025], [0.125, 0.5, 0.025]),
        (rule("prior", mass=0.25), [0.0, 1.0, 0.0], [1.0, 1.0, 1.0]),
        (rule("prior", mass=0.4), [0.0, 1.0, 1.0], [1.0, 1.0, 1.0]),
        (rule("prior", mass=0.6), [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]),
        (rule("eaft"), [0.0, 0.5, 1.0], [0.0, 0.5, 1.0]),
        (rule("eaft", alpha=2), [0.0, 0.25, 1.0], [0.0, 0.25, 1.0]),
        (rule("low_perplexity_mask"), [0.0, 1.0, 0.0], [1.0, 1.0, 1.0]),
        (rule("low_perplexity_mask", max_perplexity=9), [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]),
    ],
)
def test_weights_by_hand(weight: Weight, weights: list[float], ratio: list[float]) -> None:
    found = token_weights(weight, TOKENS)
    torch.testing.assert_close(found.weights[0, :3], torch.tensor(weights))
    torch.testing.assert_close(found.ratio[0, :3], torch.tensor(ratio))


@pytest.mark.parametrize(
    ("behavior", "prior", "weights"),
    [
        pytest.param(
            [0.5, 0.25, 0.1],
            [0.5, 0.25, 0.1],
            {"token_is": [1, 1, 1], "sequence_is": [1, 1, 1], "prior_ratio": [1, 1, 1]},
            id="self_correct, the backbone's own sample at temperature 1",
        ),
        pytest.param(
            [0.5, 1.0, 0.05],
            [0.5, 0.25, 0.1],
            {"token_is": [1, 0.25, 1], "sequence_is": [0.5 ** (1 / 3)] * 3, "prior_ratio": [1, 1, 1]},
            id="rewritten, with the second token certain and the third unlikely given the expert's solution",
        ),
        pytest.param(
            [1.0, 1.0, 1.0],
            [0.5, 0.25, 0.1],
            {"token_is": [0.5, 0.25, 0.1], "dft": [0.5, 0.25, 0.1], "prior": [0.5, 0.25, 0.1]},
            id="the expert's text or greedy text, a point mass, for which token_is is DFT",
        ),
    ],
)
def test_the_first_step_of_each_outcome_by_hand(
    behavior: list[float], prior: list[float], weights: dict[str, list[float]]
) -> None:
    """The student is still the backbone: its probabilities are the prior's."""
    row = replace(
        TOKENS,
        behavior_logprobs=torch.tensor([[*behavior, 1.0]]).log(),
        prior_logprobs=torch.tensor([[*prior, 1.0]]).log(),
    )
    for kind, expected in weights.items():
        found = token_weights(rule(kind), row).weights[0, :3]
        torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float32))


def test_a_row_of_no_completion_has_finite_weights() -> None:
    nothing = replace(TOKENS, mask=torch.zeros_like(MASK))
    assert token_weights(rule("sequence_is"), nothing).weights.isfinite().all()


def test_each_row_has_its_own_rule() -> None:
    tokens = TokenBatch(*(torch.cat([value] * 3) for value in vars(TOKENS).values()))
    rules = [rule("none"), rule("dft"), rule("token_is", clip_max=3)]
    found = weights_by_rule(rules, torch.tensor([[2], [0], [1]]).expand(3, 4), tokens).weights[:, :3]
    torch.testing.assert_close(found, torch.tensor([[2.0, 0.5, 3.0], [1.0, 1.0, 1.0], [0.5, 0.25, 0.1]]))


@pytest.mark.parametrize("weight", [rule("sequence_is", clip_max=3), rule("iw_sft")])
def test_packing_does_not_change_the_weights_of_rows(weight: Weight) -> None:
    other = replace(TOKENS, logprobs=LOGPROBS * 2)
    packed = TokenBatch(
        *(torch.cat([getattr(TOKENS, name), getattr(other, name)], 1) for name in vars(TOKENS))
    )
    packed = replace(packed, rows=torch.cat([ROWS, ROWS + 1], 1))
    alone = torch.cat([token_weights(weight, tokens).weights for tokens in (TOKENS, other)], 1)
    torch.testing.assert_close(token_weights(weight, packed).weights, alone)


def test_a_rule_without_rows_reads_nothing() -> None:
    absent = replace(TOKENS, behavior_logprobs=torch.full_like(BEHAVIOR, math.nan))
    found = weights_by_rule([rule("none"), rule("token_is")], ROWS, absent)
    assert found.weights.isfinite().all()


def test_ratio_is_finite_and_positive_for_any_logprobs() -> None:
    values = token_is_weights(torch.tensor([-1000.0, 0.0]), torch.tensor([0.0, -1000.0]), clip_max=2.0)
    torch.testing.assert_close(values.ratio, torch.tensor([math.exp(-20.0), math.exp(20.0)]))
    assert values.weights[1] == 2.0


@pytest.mark.parametrize("weight", [rule("dft"), rule("token_is"), rule("sequence_is"), rule("iw_sft")])
def test_weights_are_constants_to_the_gradient(weight: Weight) -> None:
    logprobs = LOGPROBS.clone().requires_grad_()
    values = token_weights(weight, replace(TOKENS, logprobs=logprobs))
    (values.weights * logprobs).sum().backward()
    assert logprobs.grad is not None
    torch.testing.assert_close(logprobs.grad, values.weights)


def test_statistics_by_hand() -> None:
    values = TokenWeights(
        weights=torch.tensor([[1.0, 2.0, 2.0, 0.0, 9.0]]), ratio=torch.tensor([[1.0, 2.0, 6.0, 7.0, 99.0]])
    )
    mask = torch.tensor([[True, True, True, True, False]])
    statistics = weight_statistics(WeightSums.of(values, mask))
    assert statistics == pytest.approx(
        {
            "ess": 25 / (4 * 9),
            "clip_fraction": 1 / 4,
            "mask_fraction": 1 / 4,
            "ratio_mean": 4.0,
            "ratio_max": 7.0,
        }
    )


def test_a_window_in_which_all_is_masked_has_no_sample() -> None:
    values = TokenWeights(torch.zeros(1, 2), torch.ones(1, 2))
    statistics = weight_statistics(WeightSums.of(values, torch.ones(1, 2, dtype=torch.bool)))
    assert (statistics["ess"], statistics["mask_fraction"]) == (0.0, 1.0)


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
    statistics = weight_statistics(WeightSums.of(token_weights(rule("none"), TOKENS), MASK))
    assert statistics == {
        "ess": 1.0,
        "clip_fraction": 0.0,
        "mask_fraction": 0.0,
        "ratio_mean": 1.0,
        "ratio_max": 1.0,
    }


def test_dft_is_the_probability() -> None:
    torch.testing.assert_close(dft_weights(LOGPROBS).weights, LOGPROBS.exp())
