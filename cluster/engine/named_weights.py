"""Named tensors on their way to engines: those of a checkpoint, and a number that tells whether all arrived."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


class Checksum:
    """Of named tensors, whatever their order; equal where names, types, shapes and bytes are."""

    def __init__(self) -> None:
        self.value = 0

    def add(self, name: str, tensor: Any) -> None:
        """Take one in."""
        import torch
        from xxhash import xxh3_64

        flat = tensor.detach().cpu().contiguous().reshape(-1)
        # Not linear, as a CRC is: there two tensors whose bytes were exchanged make up for one another.
        one = xxh3_64(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        one.update(memoryview(flat.view(torch.uint8).numpy()))
        self.value = (self.value + one.intdigest()) % 2**64

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
