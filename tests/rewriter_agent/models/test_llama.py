"""Plain Llama models read without transformers: the same sizes, tokens and templates, or nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

from rewriter_agent.config.model import ModelConfig
from rewriter_agent.data.prompt_encoder import load_tokens
from rewriter_agent.models.chat_template import check_roles
from rewriter_agent.models.end_tokens import end_tokens_text
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.models.light_tokenizer import light_tokenizer
from rewriter_agent.models.llama import llama_generation, llama_shape, read_llama
from rewriter_agent.models.resolve import load_tokenizer, resolve_model
from rewriter_agent.models.size import shape_by_transformers
from tests.helpers.model_variants import CHATML, FAMILIES, variant

SMALL: dict[str, Any] = {
    "vocab_size": 50,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": None,
}
SIZES = {
    "plain": {},
    "tied": {"tie_word_embeddings": True},
    "biased": {"attention_bias": True, "mlp_bias": True},
    "wide heads": {"head_dim": 10},
    "one key head": {"num_key_value_heads": 1},
}


def edit(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize("options", SIZES.values(), ids=SIZES)
def test_the_same_shape_as_transformers(options: dict[str, Any], tmp_path: Path) -> None:
    LlamaForCausalLM(LlamaConfig(**SMALL | options)).save_pretrained(tmp_path)
    found = llama_shape(tmp_path)
    assert found is not None
    assert found == shape_by_transformers(str(tmp_path))


@pytest.mark.parametrize("name", ["lab", "smollm2-135m-instruct"])
def test_the_embedded_models_are_plain(name: str) -> None:
    path = resolve_model(name)
    assert llama_shape(Path(path)) == shape_by_transformers(path)
    assert llama_generation(Path(path)) is not None
    same_prompts(Path(path))


def same_prompts(folder: Path) -> None:
    """Compare every encoding that a plan needs."""
    light, whole = light_tokenizer(folder), load_tokenizer(str(folder))
    assert light is not None
    assert len(light) == len(whole)
    assert light.eos_token_id == whole.eos_token_id
    assert {i: repr(t) for i, t in light.added_tokens_decoder.items()} == {
        i: repr(t) for i, t in whole.added_tokens_decoder.items()
    }
    texts = ["Let x = 3.5;\n\n so  2x=7 <|im_end|>\n", "<|im_end|>\n<|im_start|>", "Grüße 日本 🙂", ""]
    for text in texts:
        assert light.encode(text, add_special_tokens=False) == whole.encode(text, add_special_tokens=False)
    question, reply = {"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}
    for chat in ([question], [question, reply], [question, reply, question]):
        for prompt in (True, False):
            rendered = [
                one.apply_chat_template(chat, tokenize=False, add_generation_prompt=prompt)
                for one in (light, whole)
            ]
            assert rendered[0] == rendered[1]
    tokens = [load_tokens(str(folder), ModelConfig(), light=light) for light in (True, False)]
    assert tokens[0].ends == tokens[1].ends
    assert len({end_tokens_text(one.ends, one.tokenizer) for one in tokens}) == 1


@pytest.mark.parametrize("make", FAMILIES.values(), ids=FAMILIES)
def test_the_same_ends_for_templates_of_popular_families(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    folder = make(tmp_path / "model")
    light, whole = (load_tokens(str(folder), ModelConfig(), light=light) for light in (True, False))
    assert (light.ends, light.tokenizer.eos_token) == (whole.ends, whole.tokenizer.eos_token)
    assert end_tokens_text(light.ends, light.tokenizer) == end_tokens_text(whole.ends, whole.tokenizer)


@pytest.mark.parametrize(
    "template", ["{{ messages[0].content + 1 }}", "{{ raise_exception('no') }}", "{% for m in messages %}"]
)
def test_a_template_that_fails_is_refused_alike(template: str, tmp_path: Path) -> None:
    folder = variant(tmp_path / "model", template=template)
    told = []
    for tokenizer in (light_tokenizer(folder), load_tokenizer(str(folder))):
        assert tokenizer is not None
        with pytest.raises(ValueError, match="refuses") as error:
            check_roles(tokenizer, None, "x")
        told.append(str(error.value))
    assert told[0] == told[1]


UNUSUAL: dict[str, tuple[str, dict[str, Any]]] = {
    "another family": ("config.json", {"model_type": "qwen2"}),
    "another task": ("config.json", {"architectures": ["LlamaForSequenceClassification"]}),
    "an unknown entry": ("config.json", {"quantization_config": {"quant_method": "awq"}}),
    "a scaled RoPE": ("config.json", {"rope_parameters": {"rope_type": "linear", "factor": 2.0}}),
    "other weights": ("config.json", {"vocab_size": 500}),
    "fewer weights": ("config.json", {"num_hidden_layers": 5}),
    "an impossible padding": ("config.json", {"pad_token_id": 512}),
}


@pytest.mark.parametrize(("file", "values"), UNUSUAL.values(), ids=UNUSUAL)
def test_an_unusual_config_is_left_to_transformers(file: str, values: dict[str, Any], tmp_path: Path) -> None:
    folder = variant(tmp_path / "model")
    assert llama_shape(folder) is not None
    edit(folder / file, **values)
    assert llama_shape(folder) is None


def test_weights_beside_those_of_the_config_are_left_to_transformers(tmp_path: Path) -> None:
    folder = variant(tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    save_file(weights | {"mtp.weight": torch.zeros(9)}, folder / "model.safetensors")
    assert read_llama(folder) is not None
    assert llama_shape(folder) is None


@pytest.mark.parametrize(
    ("values", "plain"),
    [
        ({"temperature": 0.6}, False),
        ({"do_sample": True, "temperature": 0.6, "top_p": 0.9, "top_k": 20}, True),
        ({"do_sample": True, "temperature": 0.0}, False),
        ({"num_beams": 4}, False),
        ({"eos_token_id": "end"}, False),
        ({"eos_token_id": [2, 0]}, True),
    ],
)
def test_an_unusual_generation_config_is_left_to_transformers(
    values: dict[str, Any], plain: bool, tmp_path: Path
) -> None:
    folder = variant(tmp_path / "model", generation=values)
    assert (llama_generation(folder) is not None) == plain


@pytest.mark.parametrize(
    "values",
    [
        {"tokenizer_class": "LlamaTokenizer"},
        {"split_special_tokens": True},
        {"eos_token": "<|unknown|>"},
        {"eos_token": "the"},
        {"extra_special_tokens": ["<x>"]},
        {"chat_template": [{"name": "default", "template": CHATML}]},
    ],
)
def test_an_unusual_tokenizer_is_left_to_transformers(values: dict[str, Any], tmp_path: Path) -> None:
    folder = variant(tmp_path / "model")
    assert light_tokenizer(folder) is not None
    edit(folder / "tokenizer_config.json", **values)
    assert light_tokenizer(folder) is None


@pytest.mark.parametrize("name", ["special_tokens_map.json", "added_tokens.json"])
def test_further_files_of_a_tokenizer_are_left_to_transformers(name: str, tmp_path: Path) -> None:
    folder = variant(tmp_path / "model")
    (folder / name).write_text("{}")
    assert light_tokenizer(folder) is None


def test_a_tag_of_transformers_own_is_left_to_it(tmp_path: Path) -> None:
    folder = variant(tmp_path / "model", template="{% generation %}x{% endgeneration %}" + CHATML)
    assert light_tokenizer(folder) is None
    assert light_tokenizer(LAB_FOLDER) is not None


def test_a_damaged_tokenizer_is_left_to_transformers(tmp_path: Path) -> None:
    folder = variant(tmp_path / "model")
    (folder / "tokenizer.json").write_text('{"added_tokens": [], "model": {"type": "?"}}')
    assert light_tokenizer(folder) is None
