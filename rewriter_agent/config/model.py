"""The `model` section: the backbone to rewrite for, train and evaluate."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, PositiveInt, field_validator

from .base import Strict

RESERVED = (
    *("conversation", "messages", "tools", "documents", "chat_template", "add_generation_prompt", "tokenize"),
    *("continue_final_message", "padding", "truncation", "max_length", "return_tensors", "return_dict"),
    *("return_assistant_tokens_mask", "tokenizer_kwargs"),
)
"""Arguments of the chat template that neither a config nor a row can set."""


class ModelConfig(Strict):
    """The backbone."""

    name_or_path: str = "smollm2-135m-instruct"
    """Hugging Face name, local folder, or an embedded model: `smollm2-135m-instruct`, or `lab`, the laboratory's."""
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    """Number format of the weights in engines and trainers."""
    max_model_len: PositiveInt = 1024
    """Longest sequence, prompt and completion together, in tokens."""
    system_prompt: str | None = None
    """System message before every prompt; the chat template's own when not set."""
    chat_template: str | None = None
    """Name of one of the tokenizer's chat templates, for a model with several; unset, the one named `default`."""
    chat_template_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Variables of the chat template, for example `{enable_thinking: false}`; a row's own come first."""
    date: datetime | None = None
    """Date for a chat template that states today's date, for example `2026-01-31`; unset, the date of the run's first
    start, also when the run is resumed on another day."""

    @field_validator("chat_template_kwargs")
    @classmethod
    def _variables_are_the_templates(cls, given: dict[str, Any]) -> dict[str, Any]:
        if reserved := [name for name in given if name in RESERVED]:
            raise ValueError(f"{reserved[0]!r} is no variable of a chat template; leave it out")
        return given
