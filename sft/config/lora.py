"""An adapter in place of all weights, as a user describes it."""

from pydantic import BaseModel, ConfigDict, Field


class LoraSection(BaseModel):
    """LoRA by PEFT's names."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    r: int = Field(16, ge=1)
    """Rank."""

    lora_alpha: int = Field(32, ge=1)
    """Scale: the adapter's output is multiplied by lora_alpha / r."""

    target_modules: str | list[str] = "all-linear"
    """Modules that carry an adapter."""
