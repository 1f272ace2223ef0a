"""Checks of a model's folder without loading it: its files are whole and of the kind that their names say."""

import codecs
import zipfile
from pathlib import Path

from safetensors import safe_open

from rewriter_agent.io.foreign_json import read_object
from rewriter_agent.io.given_file import ANY, check_file
from rewriter_agent.user_errors import blaming

from .config_values import FILES, check_values

WEIGHTS = ("*.safetensors", "*.bin", "*.pt")
INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
TEXTS = ("*.json", "*.jinja", "additional_chat_templates/*.jinja", "vocab.txt", "merges.txt")
BINARIES = ("*.model", "*.tiktoken")
"""Files of tokenizers; a model's folder may hold others, which nothing reads."""
ADAPTER = "adapter_"
"""Prefix of the names of an adapter's files."""
CHANGE = "copy or download the model again"


def check_model_folder(folder: Path, key: str, weights: bool = True) -> None:
    """Raise ValueError unless the folder holds a config and whole weights; `key` is the config key that names it.

    If no `weights` are needed, they may be missing, but not damaged.
    """
    if folder.is_file():
        check_file(folder, key, CHANGE)
        raise ValueError(
            f"{key}: '{folder}' is a file; give the folder of a model, as save_pretrained writes it"
        )
    config = folder / "config.json"
    if not config.exists() and not config.is_symlink():
        raise ValueError(f"{key}: there is no model in '{folder}' (no config.json); {_instead(folder)}")
    # Otherwise a Git LFS pointer would be one of transformers' many errors, and a pipe would be waited for.
    for path in sorted(path for pattern in TEXTS for path in folder.glob(pattern)):
        check_file(path, key, CHANGE)
    for path in sorted(path for pattern in BINARIES for path in folder.glob(pattern)):
        check_file(path, key, CHANGE, expected=ANY)
    for path in (folder / name for name in FILES):
        if path.exists():
            _refuse_mark(path, key)
            check_values(path, read_object(path, key, CHANGE), key, CHANGE)
    _check_weights(folder, key, weights)


def _refuse_mark(path: Path, key: str) -> None:
    """Raise ValueError for a byte order mark: transformers takes such a file for a damaged one or for none."""
    with path.open("rb") as file:
        if file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
            raise ValueError(
                f"{key}: '{path}' begins with a byte order mark, which transformers does not read; save it as UTF-8 "
                "without one"
            )


def _instead(folder: Path) -> str:
    if any(folder.glob("*.gguf")):
        return "GGUF files are not read: give the model as save_pretrained writes it, with config.json and safetensors"
    if (folder / f"{ADAPTER}config.json").exists():
        return "the folder holds an adapter: merge it into its base model first (merge_and_unload)"
    return (
        "give a folder written by save_pretrained, a Hugging Face name such as org/model, or an embedded model "
        "(smollm2-135m-instruct, lab)"
    )


def _check_weights(folder: Path, key: str, needed: bool) -> None:
    found = {
        path for pattern in WEIGHTS for path in folder.glob(pattern) if not path.name.startswith(ADAPTER)
    }
    for index in INDEXES:
        if (folder / index).exists():
            shards = read_object(folder / index, key, CHANGE).get("weight_map")
            if not isinstance(shards, dict) or not all(isinstance(shard, str) for shard in shards.values()):
                raise ValueError(f"{key}: '{folder / index}' has no weight_map of file names; {CHANGE}")
            found |= {folder / shard for shard in shards.values()}
    if needed and not found:
        raise ValueError(
            f"{key}: there are no weights in '{folder}' (no {', '.join(WEIGHTS)}); {CHANGE}, with its weights"
        )
    for path in sorted(found):
        _check_whole(path, key)


def _check_whole(path: Path, key: str) -> None:
    check_file(path, key, CHANGE, expected=ANY)
    what = f"{key}: '{path}' is damaged or not whole"
    if path.suffix == ".safetensors":
        with blaming(what, f"{CHANGE.capitalize()}."), safe_open(path, "np"):
            return
    with path.open("rb") as file:
        is_archive = file.read(2) == b"PK"
    if is_archive and not zipfile.is_zipfile(path):
        raise ValueError(f"{what}; {CHANGE}")
