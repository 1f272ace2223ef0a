"""The interface of a style."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from .story import Story


@dataclass(frozen=True)
class Style:
    """One way to write solutions; texts are without the answer line."""

    name: str
    alienness: int
    """Rank of the style by its distance from the backbone's own, which is 0."""
    write: Callable[[Story, Random], str]
    recognises: Callable[[str], bool]
    """Tell whether a text is wholly in this style; no text fits two styles."""
