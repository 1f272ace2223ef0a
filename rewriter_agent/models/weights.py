"""Comparison of a model's weight files with its config, from names and shapes alone."""

import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import safe_open

from rewriter_agent.user_errors import blaming

from .folder import ADAPTER

if TYPE_CHECKING:
    from transformers import PreTrainedModel

AGAIN = "copy or download the model again, with all its files"
Shapes = dict[str, tuple[int, ...]]


def check_weights(folder: Path, model: "PreTrainedModel") -> None:
    """Raise ValueError if the files in `folder` cannot be the weights of a model that its config describes.

    A folder without weights is left to others, and so are quantised weights, whose shapes differ.
    """
    stored = stored_shapes(folder)
    if stored is None or getattr(model.config, "quantization_config", None) is not None:
        return
    for name, tensor in model.state_dict().items():
        # Some families are stored transposed.
        if name in stored and sorted(stored[name]) != sorted(tensor.shape):
            raise ValueError(
                f"the weights in '{folder}' are not those of its config.json: {name} has the shape {stored[name]}, and "
                f"by the config {tuple(tensor.shape)}; {AGAIN}"
            )
    held = sum(map(math.prod, stored.values()))
    needed = sum(parameter.numel() for parameter in model.parameters())
    if held < needed:
        raise ValueError(
            f"the weights in '{folder}' are not those of its config.json, or not all of them: they are {held} numbers, "
            f"and the config describes {needed}; {AGAIN}"
        )


def stored_shapes(folder: Path) -> Shapes | None:
    """Shapes of the tensors in the folder's weight files, by name; None if there are no files.

    Safetensors come first, as in transformers.
    """
    for pattern, shapes in (("*.safetensors", _safetensors_shapes), ("*.bin", _torch_shapes)):
        files = [path for path in sorted(folder.glob(pattern)) if not path.name.startswith(ADAPTER)]
        if files:
            return dict(entry for path in files for entry in shapes(path))
    return None


def _safetensors_shapes(path: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    with safe_open(path, "np") as file:
        for name in file.keys():  # noqa: SIM118 the file is no mapping
            yield name, tuple(file.get_slice(name).get_shape())


def _torch_shapes(path: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    # Imported here: few models have weights in this format, and the import takes seconds.
    import torch

    with blaming(f"'{path}' holds no weights that are safe to read", f"{AGAIN.capitalize()}."):
        is_archive = zipfile.is_zipfile(path)
        loaded = torch.load(path, map_location="meta", mmap=is_archive, weights_only=True)
        shapes = {name: tuple(tensor.shape) for name, tensor in loaded.items()}
    yield from shapes.items()
