"""The longest sequence of a model by its config, as engines see it."""

from pathlib import Path
from typing import Any

import pytest
from transformers import Gemma3TextConfig, GPT2Config, LlamaConfig, PreTrainedConfig, Qwen2Config

from rewriter_agent.models.context_length import check_max_model_len, context_length
from rewriter_agent.models.lab import LAB_FOLDER
from tests.helpers.model_variants import variant


def llama(**rope: Any) -> LlamaConfig:
    return LlamaConfig(max_position_embeddings=2048, rope_parameters={"rope_theta": 10000.0, **rope})


LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 256}


@pytest.mark.parametrize(
    ("config", "longest"),
    [
        (llama(rope_type="default"), 2048),
        (llama(rope_type="linear", factor=2.0), 4096),
        (llama(rope_type="dynamic", factor=4.0), 8192),
        (llama(rope_type="yarn", factor=4.0, original_max_position_embeddings=512), 2048),
        (llama(rope_type="llama3", factor=8.0, **LLAMA3), 2048),
        (GPT2Config(n_positions=128), 128),
        (Qwen2Config(max_position_embeddings=32768), 32768),
        (Gemma3TextConfig(max_position_embeddings=131072), 131072),
        (PreTrainedConfig(), float("inf")),
    ],
)
def test_the_length_follows_the_config_and_its_rope(config: Any, longest: float) -> None:
    assert context_length(config)[0] == longest


def test_a_longer_sequence_is_refused() -> None:
    check_max_model_len(str(LAB_FOLDER), 1024)
    with pytest.raises(
        ValueError, match=r"max_model_len=1025 is beyond the 1024 tokens .*max_model_len=1024 or less"
    ):
        check_max_model_len(str(LAB_FOLDER), 1025)


@pytest.mark.parametrize("length", [0, -1])
def test_an_impossible_length_is_the_models_fault(tmp_path: Path, length: int) -> None:
    folder = variant(tmp_path / "model", config={"max_position_embeddings": length})
    with pytest.raises(
        ValueError, match=rf"max_position_embeddings of .*model' is {length}; copy or download"
    ):
        check_max_model_len(str(folder), 512)


@pytest.mark.slow
def test_the_same_lengths_as_vllm() -> None:
    model = pytest.importorskip("vllm.config.model")
    convertor = pytest.importorskip("vllm.transformers_utils.model_arch_config_convertor")
    for config in (
        llama(rope_type="linear", factor=2.0),
        llama(rope_type="default"),
        GPT2Config(n_positions=128),
    ):
        arch = convertor.ModelArchConfigConvertorBase(config, config)
        derived = arch.derive_max_model_len_and_key()
        theirs = model._get_and_verify_max_len(
            hf_config=config,
            model_arch_config=type("Arch", (), {"derived_max_model_len_and_key": derived})(),
            tokenizer_config=None,
            max_model_len=int(context_length(config)[0]),
            disable_sliding_window=False,
            sliding_window=None,
        )
        assert theirs == context_length(config)[0]
