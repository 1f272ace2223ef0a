"""Resolution of a configured model name to a path that transformers and vLLM load."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rewriter_agent.user_errors import blaming

from .chat_template import choose_template
from .folder import check_model_folder
from .lab import LAB_FOLDERS
from .smollm2 import SMOLLM2, smollm2_folder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

UNLOADABLE = (
    "Check the name or the files, and for a model on the hub the network and (if it is gated) HF_TOKEN; offline only "
    "models in the cache can be used. Code of the model's own is never run."
)
"""Advice about a model that transformers refuses."""


def resolve_model(name_or_path: str, key: str = "model.name_or_path", weights: bool = True) -> str:
    """Return a local folder or a Hugging Face name; an embedded model's name becomes its folder.

    Args:
        name_or_path: As the config has it.
        key: Config key that names it, for messages.
        weights: Whether a folder must hold weights.

    Raises:
        ValueError: a local folder is missing or holds no whole model.
    """
    if name_or_path == SMOLLM2:
        return str(smollm2_folder())
    if name_or_path in LAB_FOLDERS:
        return str(LAB_FOLDERS[name_or_path])
    if is_on_hub(name_or_path):
        return name_or_path
    folder = Path(os.path.expanduser(name_or_path))
    check_model_folder(folder, key, weights)
    return str(folder)


def is_on_hub(name_or_path: str) -> bool:
    """Tell whether it is a Hugging Face name, and neither a local folder nor an embedded model."""
    if name_or_path in (SMOLLM2, *LAB_FOLDERS):
        return False
    return not (Path(os.path.expanduser(name_or_path)).exists() or _means_a_folder(name_or_path))


def load_tokenizer(path: str, chat_template: str | None = None) -> "PreTrainedTokenizerBase":
    """Tokenizer of a model that `resolve_model` gave; no code from the model's folder is run.

    `chat_template` is the name of one of several.

    Raises:
        ValueError: it cannot be loaded, or does not have that chat template, which all prompts are made with.
    """
    # Imported here: it takes seconds, and a wrong config is reported before that.
    from transformers import AutoTokenizer, PreTrainedTokenizerBase

    with blaming(f"the tokenizer of the model {path!r} cannot be loaded", UNLOADABLE):
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    assert isinstance(tokenizer, PreTrainedTokenizerBase)
    choose_template(tokenizer, chat_template, path)
    return tokenizer


def _means_a_folder(name: str) -> bool:
    """Tell whether a name cannot be a Hugging Face one, `model` or `org/model`."""
    return name.startswith(("/", ".", "~")) or name.count("/") > 1
