"""The correction for engines whose log-probs differ, by hand."""

from math import log

import pytest
import torch
from torch import Tensor

from rewriter_agent.train.importance import Correction

# Ratios 0.5, 4 and 1, and a token that counts no more; and one that the engine has no log-prob of.
LOGPS = torch.tensor([[log(0.1), log(0.4), -1.0, -5.0], [log(0.3), -2.0, 0.0, 0.0]])
SAMPLED = torch.tensor([[log(0.2), log(0.1), -1.0, -1.0], [log(0.1), torch.nan, 0.0, 0.0]])
MASK = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0]])


@pytest.mark.parametrize(
    ("mode", "low", "high", "expected"),
    [
        ("token_truncate", None, 3.5, [[0.5, 3.5, 1, 1], [3, 1, 1, 1]]),
        ("token_truncate", 0.8, 3.5, [[0.8, 3.5, 1, 1], [3, 1, 1, 1]]),
        ("token_mask", None, 3.5, [[0.5, 0, 1, 1], [3, 1, 1, 1]]),
        ("token_mask", 0.8, None, [[0, 4, 1, 1], [3, 1, 1, 1]]),
        ("sequence_truncate", None, 2.5, [[2], [2.5]]),
        ("sequence_mask", None, 2.5, [[2], [0]]),
    ],
)
def test_ratios(mode: str, low: float | None, high: float | None, expected: list[list[float]]) -> None:
    found = Correction(mode, low, high).ratio(LOGPS, SAMPLED, MASK)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float32))


def test_no_gradient_goes_through_it() -> None:
    logps = LOGPS.clone().requires_grad_()
    assert not Correction("token_truncate", None, 3.0).ratio(logps, SAMPLED, MASK).requires_grad


def test_metrics_are_those_of_all_batches_since_the_last() -> None:
    correction = Correction("token_truncate", None, 3.5)

    def batch(row: int) -> tuple[Tensor, ...]:
        return LOGPS[row : row + 1], SAMPLED[row : row + 1], MASK[row : row + 1]

    for row in (0, 1):
        correction.ratio(*batch(row))
    differences = [log(2), log(4), 0, log(3)]
    assert correction.metrics() == pytest.approx(
        {
            "sampling/sampling_logp_difference/mean": sum(differences) / 4,
            "sampling/sampling_logp_difference/max": log(4),
            "sampling/importance_sampling_ratio/min": 0.5,
            "sampling/importance_sampling_ratio/mean": (0.5 + 3.5 + 1 + 3 + 1) / 5,
            "sampling/importance_sampling_ratio/max": 3.5,
        }
    )
    correction.ratio(*batch(1))
    assert correction.metrics()["sampling/sampling_logp_difference/max"] == pytest.approx(log(3))
