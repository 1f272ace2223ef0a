"""How large a model is, from its config alone."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelSize:
    """Parameters (tied ones once) and vocabulary."""

    parameters: int
    vocab_size: int


def model_size(path: str) -> ModelSize:
    """Count a causal LM's parameters without loading its weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(path, trust_remote_code=False)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    return ModelSize(sum(p.numel() for p in model.parameters()), config.get_text_config().vocab_size)
