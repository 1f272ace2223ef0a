"""The longest sequence that a model supports, read from its config as vLLM does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .llama import read_llama

KEYS = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "seq_length",
    "max_target_positions",
    "max_sequence_length",
    "max_seq_length",
    "seq_len",
)
ALREADY_SCALED = ("su", "longrope", "llama3", "yarn", "deepseek_yarn", "deepseek_llama_scaling")
"""Kinds of RoPE scaling whose factor the config's length includes."""


def check_max_model_len(path: str, max_model_len: int) -> None:
    """Raise ValueError if `model.max_model_len` is beyond what engines take of the model in `path`."""
    longest, key = _plain_length(path) or context_length(_text_config(path))
    if longest <= 0:
        raise ValueError(
            f"{key} of the config.json of {path!r} is {int(longest)}; copy or download the model again"
        )
    if max_model_len > longest:
        raise ValueError(
            f"model.max_model_len={max_model_len} is beyond the {int(longest)} tokens that {path!r} was made for "
            f"({key} of its config.json, with its RoPE scaling); set model.max_model_len={int(longest)} or less"
        )


def _plain_length(path: str) -> tuple[float, str] | None:
    plain = read_llama(Path(path))
    # Its kinds of RoPE scaling leave the length as it is.
    return (plain.max_position_embeddings, "max_position_embeddings") if plain else None


def _text_config(path: str) -> Any:
    # Imported here: it takes seconds, and most models are plain.
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(path, trust_remote_code=False).get_text_config()


def context_length(config: Any) -> tuple[float, str]:
    """The longest sequence and the key that says so; infinite if none does."""
    lengths = {key: length for key in KEYS if (length := getattr(config, key, None)) is not None}
    if own := getattr(config, "model_max_length", None):
        return own, "model_max_length"
    if not lengths:
        return float("inf"), ""
    key = min(lengths, key=lambda key: lengths[key])
    return lengths[key] * _rope_factor(config), key


def _rope_factor(config: Any) -> float:
    """Factor by which RoPE scaling extends the config's length."""
    rope = getattr(config, "rope_parameters", None) or {}
    # Of models with several kinds of layers there is an entry for each kind.
    kinds = [rope] if "rope_type" in rope else [kind for kind in rope.values() if isinstance(kind, Mapping)]
    if "gemma3" in config.model_type:
        return 1.0
    scaled = [kind for kind in kinds if kind.get("rope_type") not in ALREADY_SCALED]
    return next((kind["factor"] for kind in reversed(scaled) if kind.get("factor")), 1.0)
