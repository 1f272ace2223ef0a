"""The `model` section: the backbone to rewrite for, train and evaluate."""

from datetime import datetime
from typing import Literal

from pydantic import PositiveInt

from .base import Strict


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
    date: datetime | None = None
    """Date for a chat template that states today's date, for example `2026-01-31`; unset, the date of the run's first
    start, also when the run is resumed on another day."""
