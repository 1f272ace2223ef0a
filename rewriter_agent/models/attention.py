"""Properties of a model's attention, from its config alone."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PretrainedConfig


def can_share(config: "PretrainedConfig", length: int) -> bool:
    """Tell whether a model of this config computes packed rows of candidates up to `length` tokens correctly.

    `length` includes the prompt. Attention has to accept any mask and has to be the only interaction between tokens. A
    sliding window is allowed if it covers `length`.
    """
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    window = getattr(config, "sliding_window", None)
    return (
        config._attn_implementation == "sdpa"
        and kinds <= {"full_attention", "sliding_attention"}
        and (window is None or length <= window)
    )
