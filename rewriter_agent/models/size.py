"""How large a model is, from its config alone."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ModelSize:
    """Parameters (tied ones once) and vocabulary."""

    parameters: int
    vocab_size: int


def model_size(path: str) -> ModelSize:
    """Count a causal LM's parameters without loading its weights."""
    from transformers import AutoModelForCausalLM

    return _size(path, AutoModelForCausalLM)


def encoder_size(path: str) -> ModelSize:
    """Count a text encoder's parameters without loading its weights."""
    from transformers import AutoModel

    return _size(path, AutoModel)


def _size(path: str, kind: Any) -> ModelSize:
    import torch
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(path, trust_remote_code=False)
    with torch.device("meta"):
        model = kind.from_config(config, trust_remote_code=False)
    return ModelSize(sum(p.numel() for p in model.parameters()), config.get_text_config().vocab_size)
