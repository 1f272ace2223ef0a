"""What a style is."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from .story import Story


@dataclass(frozen=True)
class Style:
    """One way to write solutions; texts are without the answer line."""

    name: str
    alienness: int
    """Rank among the styles by how far it is from the backbone's own, which is 0."""
    write: Callable[[Story, Random], str]
    recognises: Callable[[str], bool]
    """Whether a text is wholly in this style; no text fits two styles."""
