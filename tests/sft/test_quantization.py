"""4-bit weights: what they are refused for, and what a machine must have."""

from importlib.util import find_spec
from typing import Any

import pytest
from pydantic import ValidationError

from sft import quantization
from sft.config.sft import SFTConfig
from sft.quantization import check_quantization, quantization_config


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_workers": 1}, r"without lora all weights are trained; set lora="),
        (
            {"lora": {}, "num_workers": 2},
            r"ZeRO-3, which num_workers=2 and offload take, .*Set num_workers=1",
        ),
        ({"lora": {}, "num_workers": 1, "offload_param_device": "cpu"}, r"both offload devices to none"),
    ],
)
def test_4_bit_weights_are_refused_with_a_reason(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SFTConfig.model_validate({"load_in_4bit": True} | options)


def test_one_worker_with_an_adapter_may_have_them() -> None:
    assert SFTConfig.model_validate({"load_in_4bit": True, "lora": {}, "num_workers": 1}).load_in_4bit


def test_a_machine_without_a_gpu_or_the_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"train\.load_in_4bit needs bitsandbytes' kernels on a GPU"):
        check_quantization("train.load_in_4bit", on_gpu=False)
    monkeypatch.setattr(quantization, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"sft\.load_in_4bit needs a package .*pip install bitsandbytes"):
        check_quantization("sft.load_in_4bit", on_gpu=True)
    monkeypatch.setattr(quantization, "find_spec", lambda name: name)
    check_quantization("sft.load_in_4bit", on_gpu=True)


def test_a_model_in_4_bits_answers_nearly_as_before() -> None:
    if find_spec("bitsandbytes") is None:
        pytest.skip("bitsandbytes is not installed")
    import torch
    from transformers import AutoModelForCausalLM

    from rewriter_agent.models.lab import LAB_FOLDER

    ids = torch.arange(5, 25)[None]
    whole = AutoModelForCausalLM.from_pretrained(LAB_FOLDER, dtype=torch.float32)
    small = AutoModelForCausalLM.from_pretrained(
        LAB_FOLDER, dtype=torch.float32, quantization_config=quantization_config("float32")
    )
    assert small.get_memory_footprint() < whole.get_memory_footprint()
    with torch.inference_mode():
        pairs = [model(ids).logits.log_softmax(-1).flatten() for model in (whole, small)]
    apart = (pairs[0] - pairs[1]).abs().mean()
    assert 0 < apart < 1
