"""Named tensors that are sent to engines, and a checksum that shows whether all of them arrived."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

Weights = Sequence[tuple[str, Any]] | Path
"""Tensors with their names in a checkpoint, or the folder of a checkpoint."""


class Checksum:
    """Order-independent checksum over names, types, shapes and bytes of tensors."""

    def __init__(self) -> None:
        self.value = 0

    def add(self, name: str, tensor: Any) -> None:
        """Add a tensor."""
        import torch
        from xxhash import xxh3_64

        flat = tensor.detach().cpu().contiguous().reshape(-1)
        # A linear hash such as a CRC would not notice that the bytes of two tensors were exchanged.
        digest = xxh3_64(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(memoryview(flat.view(torch.uint8).numpy()))
        self.value = (self.value + digest.intdigest()) % 2**64

    def through(self, weights: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
        """Yield the same tensors, adding each."""
        for name, tensor in weights:
            self.add(name, tensor)
            yield name, tensor


def checksum(weights: Iterable[tuple[str, Any]]) -> int:
    """Checksum of all the tensors."""
    total = Checksum()
    for name, tensor in weights:
        total.add(name, tensor)
    return total.value


def checkpoint_tensors(folder: Path) -> Iterable[tuple[str, Any]]:
    """Names and tensors of a folder's safetensors files."""
    from safetensors.torch import load_file

    for path in sorted(folder.glob("*.safetensors")):
        yield from load_file(path).items()
