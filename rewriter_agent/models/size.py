"""Size of a model, from its config alone."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cluster.planning.workload import ModelShape
from rewriter_agent.user_errors import blaming

from .llama import llama_shape
from .resolve import UNLOADABLE


def model_shape(path: str) -> ModelShape:
    """Shape of a causal LM, without loading its weights.

    Raises:
        ValueError: it is not one, or the files in its folder are of another one.
    """
    return llama_shape(Path(path)) or shape_by_transformers(path)


def shape_by_transformers(path: str) -> ModelShape:
    """Shape of any causal LM that transformers knows, from the modules that it would build."""
    # Imported here: both take seconds, and most models are plain.
    from torch import nn
    from transformers import AutoModelForCausalLM

    from .attention import can_share
    from .weights import check_weights

    model = _on_meta(path, AutoModelForCausalLM)
    text = model.config.get_text_config()
    heads, head_size = max((_heads(layer, path) for layer in _layers(text)), key=math.prod)
    check_weights(Path(path), model)
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
        # Length 0 ignores a sliding window: it matters only if it is shorter than the run's rows, which is rare.
        shares_prompts=can_share(text, 0),
    )


def _layers(config: Any) -> Sequence[Any]:
    """Configs of the layers that may differ; one config if all layers are alike."""
    return config.per_layer_config if config.is_heterogeneous else [config]


def _heads(config: Any, path: str) -> tuple[int, int]:
    """Number and size of the key-value heads of a layer."""
    if not hasattr(config, "num_attention_heads"):
        raise ValueError(
            f"the model {path!r} has no attention heads (its type is {config.model_type}), and the plan only knows "
            "models with attention; give another model"
        )
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    return heads, getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def encoder_parameters(path: str) -> int:
    """Count the parameters of a text encoder without loading its weights."""
    from transformers import AutoModel

    return _parameters(_on_meta(path, AutoModel))


def _on_meta(path: str, kind: Any) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with blaming(f"the model {path!r} cannot be loaded", UNLOADABLE):
        config = AutoConfig.from_pretrained(path, trust_remote_code=False)
        if kind is AutoModelForCausalLM:
            _require_causal(config)
        with torch.device("meta"):
            return kind.from_config(config, trust_remote_code=False)


def _require_causal(config: Any) -> None:
    """Raise ValueError for weights of another task: transformers would give some of them an untrained head."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as KNOWN

    given = getattr(config, "architectures", None) or []
    given = [given] if isinstance(given, str) else given
    known = {name for names in KNOWN.values() for name in ([names] if isinstance(names, str) else names)}
    writes = [name for name in given if name in known or name.endswith(("ForCausalLM", "LMHeadModel"))]
    if (given and not writes) or getattr(config, "is_encoder_decoder", False):
        raise ValueError(
            f"its architecture {', '.join(map(str, given))} is not a causal language model, such as LlamaForCausalLM"
        )


def _parameters(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
