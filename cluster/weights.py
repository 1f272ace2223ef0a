"""Named tensors on their way to engines: those of a checkpoint, and a number that tells whether all arrived."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32


class Checksum:
    """Of named tensors, whatever their order; equal where names, types, shapes and bytes are."""

    def __init__(self) -> None:
        self.value = 0

    def add(self, name: str, tensor: Any) -> None:
        """Take one in."""
        import torch

        flat = tensor.detach().cpu().contiguous().reshape(-1)
        head = f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode()
        self.value ^= crc32(memoryview(flat.view(torch.uint8).numpy()), crc32(head))

    def through(self, weights: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
        """The same tensors, each taken in as it goes by."""
        for name, tensor in weights:
            self.add(name, tensor)
            yield name, tensor


def checksum(weights: Iterable[tuple[str, Any]]) -> int:
    """Of all of them."""
    total = Checksum()
    for name, tensor in weights:
        total.add(name, tensor)
    return total.value


def checkpoint_tensors(folder: Path) -> Iterable[tuple[str, Any]]:
    """Name and tensor of everything in a folder's safetensors files."""
    from safetensors.torch import load_file

    for path in sorted(folder.glob("*.safetensors")):
        yield from load_file(path).items()
