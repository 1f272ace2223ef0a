"""What the learner publishes equals what PEFT would merge."""

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

from rewriter_agent.train.weight_sync import merged_weights
from rewriter_agent.train.worker import save_safetensors


def make_base(tied: bool) -> LlamaForCausalLM:
    """A random model, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LlamaForCausalLM(
            LlamaConfig(
                vocab_size=64,
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                tie_word_embeddings=tied,
            )
        )


def with_adapter(base: LlamaForCausalLM) -> PeftModel:
    """An adapter whose B is not zero, as after training."""
    lora = LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=8, target_modules="all-linear")
    model = get_peft_model(base, lora)
    assert isinstance(model, PeftModel)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if ".lora_" in name:
                weight.copy_(torch.randn(weight.shape, generator=generator) * 0.1)
    return model


@pytest.fixture(params=[True, False], ids=["tied", "untied"])
def tied(request: pytest.FixtureRequest) -> bool:
    return request.param


def test_merged_weights_are_those_of_peft(tied: bool) -> None:
    published = dict(merged_weights(with_adapter(make_base(tied))))
    merged = with_adapter(make_base(tied)).merge_and_unload().state_dict()
    original = make_base(tied).state_dict()
    assert set(merged) - set(published) == ({"lm_head.weight"} if tied else set())
    assert set(published) <= set(merged)
    for name, weight in published.items():
        torch.testing.assert_close(weight, merged[name], rtol=1e-5, atol=1e-6)
        changed = not torch.equal(weight, original[name])
        assert changed == ("_proj." in name)


def test_names_are_those_of_the_checkpoint(tied: bool, tmp_path: Path) -> None:
    base = make_base(tied)
    base.save_pretrained(tmp_path)
    names = set(load_file(tmp_path / "model.safetensors"))
    assert {name for name, _ in merged_weights(with_adapter(base))} == names


def test_base_weights_and_adapter_are_left_as_they_are(tied: bool) -> None:
    model = with_adapter(make_base(tied))
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    for _ in range(3):
        dict(merged_weights(model))
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_bfloat16_weights_stay_bfloat16_and_are_rounded_once() -> None:
    published = dict(merged_weights(with_adapter(make_base(tied=True).to(torch.bfloat16))))
    assert {weight.dtype for weight in published.values()} == {torch.bfloat16}
    exact = with_adapter(make_base(tied=True).to(torch.bfloat16).float()).merge_and_unload().state_dict()
    for name, weight in published.items():
        torch.testing.assert_close(weight.float(), exact[name], rtol=2**-8, atol=1e-3)


def test_a_saved_checkpoint_computes_what_the_policy_computes(tied: bool, tmp_path: Path) -> None:
    model = with_adapter(make_base(tied))
    make_base(tied).config.save_pretrained(tmp_path)
    save_safetensors(dict(merged_weights(model)), tmp_path / "model.safetensors")
    loaded = LlamaForCausalLM.from_pretrained(tmp_path)
    ids = torch.arange(20)[None]
    with torch.no_grad():
        wanted, base = model(input_ids=ids).logits, make_base(tied)(input_ids=ids).logits
        torch.testing.assert_close(loaded(input_ids=ids).logits, wanted, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(wanted, base, atol=1e-2)
