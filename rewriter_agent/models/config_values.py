"""Values in a model's JSON files that transformers, vLLM or the plan compute with."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rewriter_agent.user_errors import MAX_QUOTED, printable

# Far above every model, and low enough that a model of such sizes is described in seconds.
Count = Annotated[int, Field(ge=1, le=4096)]
Width = Annotated[int, Field(ge=1, le=2**24)]
Counts = Count | list[Count] | None
"""Some families name a number for each layer."""
Widths = Width | list[Width] | None
Length = Annotated[float, Field(ge=1)] | None
Ids = int | list[int] | None
Positive = Annotated[float, Field(gt=0)] | None


class _Values(BaseModel):
    """Some entries of a file; all may be missing or null, and others are passed over."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Rope(_Values):
    rope_type: str | None = None
    rope_theta: Positive = None
    factor: Positive = None
    original_max_position_embeddings: Length = None
    full_attention: "_Rope | None" = None
    sliding_attention: "_Rope | None" = None


class _Config(_Values):
    model_type: str | None = None
    architectures: list[str] | str | None = None
    vocab_size: Width | None = None
    hidden_size: Width | None = None
    n_embd: Width | None = None
    d_model: Width | None = None
    intermediate_size: Widths = None
    n_inner: Widths = None
    head_dim: Widths = None
    num_hidden_layers: Count | None = None
    n_layer: Count | None = None
    n_layers: Count | None = None
    num_layers: Count | None = None
    num_attention_heads: Counts = None
    num_key_value_heads: Counts = None
    n_head: Counts = None
    n_heads: Counts = None
    max_position_embeddings: Length = None
    n_positions: Length = None
    max_seq_len: Length = None
    seq_length: Length = None
    max_target_positions: Length = None
    max_sequence_length: Length = None
    max_seq_length: Length = None
    seq_len: Length = None
    model_max_length: Length = None
    rope_theta: Positive = None
    rope_scaling: _Rope | None = None
    rope_parameters: _Rope | None = None
    rms_norm_eps: Positive = None
    initializer_range: float | None = None
    hidden_act: str | None = None
    dtype: str | dict[str, str] | None = None
    torch_dtype: str | dict[str, str] | None = None
    quantization_config: dict[str, Any] | None = None
    tie_word_embeddings: bool | None = None
    layer_types: list[str] | None = None
    bos_token_id: Ids = None
    eos_token_id: Ids = None
    pad_token_id: Ids = None
    text_config: "_Config | None" = None


class _GenerationConfig(_Values):
    bos_token_id: Ids = None
    eos_token_id: Ids = None
    pad_token_id: Ids = None


class _AddedToken(_Values):
    content: str


Token = str | _AddedToken | None


class _NamedTemplate(_Values):
    name: str
    template: str


class _TokenizerConfig(_Values):
    tokenizer_class: str | None = None
    bos_token: Token = None
    eos_token: Token = None
    pad_token: Token = None
    unk_token: Token = None
    model_max_length: Length = None
    chat_template: str | list[_NamedTemplate] | dict[str, str] | None = None
    added_tokens_decoder: dict[Annotated[str, Field(pattern=r"^\d{1,9}$")], _AddedToken] | None = None


class _Tokenizer(_Values):
    added_tokens: list[_AddedToken]
    model: dict[str, Any]


FILES: dict[str, type[_Values]] = {
    "config.json": _Config,
    "generation_config.json": _GenerationConfig,
    "tokenizer_config.json": _TokenizerConfig,
    "special_tokens_map.json": _TokenizerConfig,
    "tokenizer.json": _Tokenizer,
}
"""Files with an object, which transformers ignores in part or explains badly if they are damaged."""


def check_values(path: Path, values: dict[str, Any], key: str, change: str) -> None:
    """Raise ValueError for a value of one of `FILES` that no model can have.

    Args:
        path: The file.
        values: The object that it holds.
        key: Config key that names the model, for the message.
        change: Advice.
    """
    try:
        FILES[path.name].model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = _entry(first["loc"], values)
        given = printable(repr(first["input"]), MAX_QUOTED)
        raise ValueError(
            f"{key}: '{path}', {name}: {first['msg']} (got {given}); correct it, or {change}"
        ) from error


def _entry(location: tuple[int | str, ...], values: Any) -> str:
    """Path of an entry in the file; pydantic's location also names the alternative of a type that was tried."""
    parts: list[str] = []
    for part in location:
        if isinstance(values, dict) and (part in values or not parts):
            values = values.get(part)
        elif isinstance(values, list) and isinstance(part, int) and part < len(values):
            values = values[part]
        else:
            continue
        parts.append(str(part))
    return ".".join(parts)
