"""The hint on number formats."""

import pytest
import torch

from rewriter_agent.config import RunConfig
from rewriter_agent.models.precision import precision_hint


@pytest.mark.parametrize(
    ("native", "dtype", "bf16", "device", "hinted"),
    [
        (False, "bfloat16", True, "cpu", ["--set model.dtype=float32", "--set sft.bf16=false"]),
        (False, "bfloat16", False, "cpu", ["--set model.dtype=float32"]),
        (False, "float32", True, "cpu", ["--set sft.bf16=false"]),
        (False, "float32", False, "cpu", []),
        (True, "bfloat16", True, "cpu", []),
        (False, "bfloat16", True, "gpu", []),
    ],
)
def test_bfloat16_is_spoken_of_where_the_cpu_lacks_it(
    monkeypatch: pytest.MonkeyPatch, native: bool, dtype: str, bf16: bool, device: str, hinted: list[str]
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512" if native else "AVX2")
    tree = {
        "name": "r",
        "model": {"dtype": dtype},
        "data": {"source": "lab"},
        "cluster": {"device": device},
        "sft": {"bf16": bf16},
    }
    hint = precision_hint(RunConfig.model_validate(tree))
    assert (hint is not None) == bool(hinted)
    assert hint is None or [word for word in hinted if word in hint] == hinted
    assert hint is None or hint.count("--set") == len(hinted)
