"""Checksums of published weights."""

import pytest
import torch
from torch import Tensor

from cluster.engine.named_weights import checksum

A, B = torch.arange(6.0).reshape(2, 3), torch.arange(6.0).reshape(2, 3) + 1


def flipped(tensor: Tensor) -> Tensor:
    """Flip one bit."""
    bits = tensor.clone().view(torch.int32)
    bits[0, 0] ^= 1
    return bits.view(torch.float32)


def test_order_and_layout_do_not_matter() -> None:
    expected = checksum([("a", A), ("b", B)])
    assert checksum([("b", B), ("a", A)]) == expected
    assert checksum([("a", A.t().contiguous().t()), ("b", B)]) == expected
    assert checksum([]) == 0 != expected


@pytest.mark.parametrize(
    "other",
    [
        [("a", B), ("b", A)],
        [("a", flipped(A)), ("b", flipped(B))],
        [("a", A)],
        [("a", A), ("b", B), ("b", B)],
        [("a", A.reshape(3, 2)), ("b", B)],
        [("a", A.double()), ("b", B)],
        [("a", A), ("c", B)],
    ],
    ids=["exchanged", "same bit flipped in both", "one missing", "one twice", "shape", "type", "name"],
)
def test_any_other_change_changes_the_checksum(other: list[tuple[str, Tensor]]) -> None:
    assert checksum(other) != checksum([("a", A), ("b", B)])
