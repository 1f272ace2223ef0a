"""What the learner leaves of a backbone in 4 bits."""

from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from rewriter_agent.config.model import ModelConfig
from rewriter_agent.data.prompt_encoder import load_tokens
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.train.rewriter import ADAPTER, MODEL
from rewriter_agent.train.weight_sync import merged_weights
from rewriter_agent.train.worker import save


def test_an_adapter_is_merged_into_the_backbones_own_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(LAB_FOLDER, dtype=torch.float32)
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", r=2, init_lora_weights=False))
    expected = {name: weight.clone() for name, weight in merged_weights(model)}
    # As 4-bit weights are, these are others than the backbone's.
    base.config.quantization_config = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    with torch.no_grad():
        base.get_input_embeddings().weight.zero_()
    save(model, load_tokens(str(LAB_FOLDER), ModelConfig()), tmp_path, "float32")
    saved = load_file(tmp_path / MODEL / "model.safetensors")
    assert saved.keys() == expected.keys()
    assert all(torch.equal(saved[name], expected[name]) for name in saved)
    assert "quantization_config" not in (tmp_path / MODEL / "config.json").read_text()
    assert (tmp_path / ADAPTER / "adapter_model.safetensors").exists()
