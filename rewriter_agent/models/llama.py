"""Plain Llama models, read from their JSON files without transformers and torch, whose import takes seconds.

Only files without anything unusual are read here: for all others the functions return None, and transformers reads
and explains them.
"""

import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError

from cluster.planning.workload import ModelShape

from .weights import Shapes, stored_shapes

NOTES = ("_name_or_path", "_model_name_or_path", "_from_model_config", "transformers_version", "unk_token_id")
"""Entries that nothing computes with."""
Ids = NonNegativeInt | list[NonNegativeInt] | None
Id = NonNegativeInt | None
DType = Literal["bfloat16", "float16", "float32"] | None


class _Plain(BaseModel):
    """A file that may hold these entries and no others."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


class _Rope(_Plain):
    rope_type: Literal["default"]
    rope_theta: float = 10000.0


class _Llama3Rope(_Plain):
    rope_type: Literal["llama3"]
    rope_theta: float = 10000.0
    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_max_position_embeddings: PositiveInt


class LlamaConfig(_Plain):
    """The config.json of a Llama model."""

    model_type: Literal["llama"]
    architectures: Annotated[list[Literal["LlamaForCausalLM"]], Field(min_length=1)]
    vocab_size: PositiveInt
    hidden_size: PositiveInt
    intermediate_size: PositiveInt
    num_hidden_layers: PositiveInt
    num_attention_heads: PositiveInt
    num_key_value_heads: PositiveInt
    head_dim: PositiveInt | None = None
    max_position_embeddings: PositiveInt
    tie_word_embeddings: bool = False
    attention_bias: bool = False
    mlp_bias: bool = False
    hidden_act: Literal["silu"] = "silu"
    rope_parameters: _Rope | _Llama3Rope | None = None
    rope_scaling: _Llama3Rope | None = None
    rope_theta: float = 10000.0
    initializer_range: Annotated[float, Field(ge=0, le=1)] = 0.02
    rms_norm_eps: float = 1e-6
    attention_dropout: float = 0.0
    pretraining_tp: PositiveInt = 1
    use_cache: bool = True
    dtype: DType = None
    torch_dtype: DType = None
    bos_token_id: Id = None
    eos_token_id: Ids = None
    pad_token_id: Id = None

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.head_dim or self.hidden_size // self.num_attention_heads

    @property
    def linear_layers(self) -> dict[str, tuple[int, int]]:
        """Output and input size of the linear layers within one layer, by name."""
        hidden, wide = self.hidden_size, self.intermediate_size
        queries, keys = self.num_attention_heads * self.head_size, self.num_key_value_heads * self.head_size
        attention = {"q": (queries, hidden), "k": (keys, hidden), "v": (keys, hidden), "o": (hidden, queries)}
        mlp = {"gate": (wide, hidden), "up": (wide, hidden), "down": (hidden, wide)}
        return {f"self_attn.{name}_proj": size for name, size in attention.items()} | {
            f"mlp.{name}_proj": size for name, size in mlp.items()
        }

    @property
    def tensors(self) -> Shapes:
        """Shapes of the weights by name; a tied head has none of its own."""
        table, norm = (self.vocab_size, self.hidden_size), (self.hidden_size,)
        layer: Shapes = {"input_layernorm.weight": norm, "post_attention_layernorm.weight": norm}
        for name, size in self.linear_layers.items():
            layer[f"{name}.weight"] = size
            if self.attention_bias if name.startswith("self_attn") else self.mlp_bias:
                layer[f"{name}.bias"] = size[:1]
        layers = range(self.num_hidden_layers)
        found: Shapes = {f"model.layers.{n}.{name}": shape for n in layers for name, shape in layer.items()}
        head: Shapes = {} if self.tie_word_embeddings else {"lm_head.weight": table}
        return found | {"model.embed_tokens.weight": table, "model.norm.weight": norm} | head


class _Generation(_Plain):
    bos_token_id: Id = None
    eos_token_id: Ids = None
    pad_token_id: Id = None
    use_cache: bool = True
    output_attentions: Literal[False] = False
    output_hidden_states: Literal[False] = False


class _Greedy(_Generation):
    do_sample: Literal[False] = False


class _Sampling(_Generation):
    do_sample: Literal[True]
    temperature: Annotated[float, Field(gt=0)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    top_k: PositiveInt = 50


def read_llama(folder: Path) -> LlamaConfig | None:
    """Config of a plain Llama model; None of any other."""
    values = _read(folder / "config.json")
    try:
        config = LlamaConfig.model_validate(values)
    except ValidationError:
        return None
    divisible = config.hidden_size % config.num_attention_heads == 0
    padded = config.pad_token_id is None or config.pad_token_id < config.vocab_size
    one_rope = config.rope_parameters is None or config.rope_scaling is None
    return config if divisible and padded and one_rope else None


def llama_shape(folder: Path) -> ModelShape | None:
    """Shape of a plain Llama model whose weights, if there are any, are exactly those of its config; else None."""
    config = read_llama(folder)
    if config is None or stored_shapes(folder) not in (None, config.tensors):
        return None
    widths = sum(sum(size) for size in config.linear_layers.values())
    return ModelShape(
        parameters=sum(map(math.prod, config.tensors.values())),
        vocab_size=config.vocab_size,
        layers=config.num_hidden_layers,
        hidden_size=config.hidden_size,
        kv_heads=config.num_key_value_heads,
        head_size=config.head_size,
        linear_widths=config.num_hidden_layers * widths,
    )


def llama_generation(folder: Path) -> dict[str, Any] | None:
    """Values of a plain Llama model's generation_config.json, empty without the file; None if it is not plain."""
    path = folder / "generation_config.json"
    if read_llama(folder) is None:
        return None
    if not path.exists():
        return {}
    values = _read(path)
    try:
        (_Sampling if values.get("do_sample") else _Greedy).model_validate(values)
    except ValidationError:
        return None
    return values


def _read(path: Path) -> dict[str, Any]:
    """Entries of a JSON file without notes; none if it is damaged, which `check_model_folder` explains."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return (
        {key: value for key, value in values.items() if key not in NOTES} if isinstance(values, dict) else {}
    )
