"""The hint on number formats."""

from types import SimpleNamespace

import pytest
import torch

from rewriter_agent.config import RunConfig
from rewriter_agent.models.precision import precision_hint


@pytest.mark.parametrize(
    ("native", "dtype", "device", "hinted"),
    [
        (False, "bfloat16", "cpu", True),
        (True, "bfloat16", "cpu", False),
        (False, "float32", "cpu", False),
        (False, "bfloat16", "gpu", False),
    ],
)
def test_bfloat16_is_spoken_of_where_the_cpu_lacks_it(
    monkeypatch: pytest.MonkeyPatch, native: bool, dtype: str, device: str, hinted: bool
) -> None:
    monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace(_is_mkldnn_bf16_supported=lambda: native))
    tree = {"name": "r", "model": {"dtype": dtype}, "data": {"source": "lab"}, "cluster": {"device": device}}
    hint = precision_hint(RunConfig.model_validate(tree))
    assert (hint is not None) == hinted
    assert hint is None or "--set model.dtype=float32" in hint


def test_this_machine_can_be_asked() -> None:
    assert torch.ops.mkldnn._is_mkldnn_bf16_supported() in (True, False)
