"""How large a model is, from its config alone."""

from typing import Any

from cluster.planning.workload import ModelShape


def model_shape(path: str) -> ModelShape:
    """A causal LM's, without loading its weights."""
    from torch import nn
    from transformers import AutoModelForCausalLM

    from .attention import can_share

    model = _on_meta(path, AutoModelForCausalLM)
    text = model.config.get_text_config()
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    head_size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    linear = [
        m for m in model.modules() if isinstance(m, nn.Linear) and m is not model.get_output_embeddings()
    ]
    return ModelShape(
        parameters=_parameters(model),
        vocab_size=text.vocab_size,
        layers=text.num_hidden_layers,
        hidden_size=text.hidden_size,
        kv_heads=heads,
        head_size=head_size,
        linear_widths=sum(m.in_features + m.out_features for m in linear),
        # Of windows only the length of a run's rows can tell; they are seldom shorter.
        shares_prompts=can_share(text, 0),
    )


def encoder_parameters(path: str) -> int:
    """Of a text encoder, without loading its weights."""
    from transformers import AutoModel

    return _parameters(_on_meta(path, AutoModel))


def _on_meta(path: str, kind: Any) -> Any:
    import torch
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(path, trust_remote_code=False)
    with torch.device("meta"):
        return kind.from_config(config, trust_remote_code=False)


def _parameters(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
