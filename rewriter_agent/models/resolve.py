"""From a configured model name to what transformers and vLLM load."""

from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from .lab import LAB, LAB_FOLDER
from .smollm2 import SMOLLM2, smollm2_folder


def resolve_model(name_or_path: str) -> str:
    """A local folder or a Hugging Face name; an embedded model's name becomes its folder.

    Raises ValueError for a local folder that is missing or holds no model.
    """
    if name_or_path == SMOLLM2:
        return str(smollm2_folder())
    if name_or_path == LAB:
        return str(LAB_FOLDER)
    if is_on_hub(name_or_path):
        return name_or_path
    folder = Path(name_or_path).expanduser()
    if not (folder / "config.json").is_file():
        raise ValueError(
            f"model.name_or_path: there is no model in {name_or_path!r} (no config.json); give a folder "
            f"written by save_pretrained, a Hugging Face name such as org/model, {SMOLLM2!r} or {LAB!r}"
        )
    return str(folder)


def is_on_hub(name_or_path: str) -> bool:
    """Whether it is a Hugging Face name, and neither a local folder nor an embedded model."""
    if name_or_path in (SMOLLM2, LAB):
        return False
    return not (Path(name_or_path).expanduser().exists() or _means_a_folder(name_or_path))


def load_tokenizer(path: str) -> PreTrainedTokenizerBase:
    """The tokenizer of a model that `resolve_model` gave; no code from the model's folder is run.

    Raises ValueError when it has no chat template, which all prompts are made with.
    """
    tokenizer = AutoTokenizer.from_pretrained(path)
    assert isinstance(tokenizer, PreTrainedTokenizerBase)
    if tokenizer.chat_template is None:
        raise ValueError(
            f"the tokenizer of {path!r} has no chat template; use the model's instruction-tuned variant, or "
            "put a chat_template.jinja beside its tokenizer files"
        )
    return tokenizer


def _means_a_folder(name: str) -> bool:
    """Whether a name cannot be a Hugging Face one, `model` or `org/model`."""
    return name.startswith(("/", ".", "~")) or name.count("/") > 1
