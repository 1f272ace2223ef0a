"""What a model's attention allows, by its config alone."""

from transformers import PretrainedConfig


def can_share(config: PretrainedConfig, length: int) -> bool:
    """Whether a model of this config computes packed rows of candidates up to `length` tokens, prompt included, right.

    Its attention has to take any mask, and to be all that tokens have to do with one another; a window is no matter
    where all that a token may see fits in.
    """
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    window = getattr(config, "sliding_window", None)
    return (
        config._attn_implementation == "sdpa"
        and kinds <= {"full_attention", "sliding_attention"}
        and (window is None or length <= window)
    )
