"""How each backbone of the laboratory is made."""

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

from rewriter_agent.models.lab import LAB, LAB_FOLDER, LAB_LESSONS

from .mixture import Stream, chat_at, quoting_chat_at, stream_hash
from .settings import Settings


@dataclass(frozen=True)
class Recipe:
    """Data, settings and start of a pre-training."""

    settings: Settings = field(default_factory=Settings)
    stream: Stream = chat_at
    start: Path | None = None
    """Model that training continues; None for random weights."""

    def with_settings(self, **changes: int | None) -> "Recipe":
        """Make the recipe with other settings; None changes nothing."""
        given = {key: value for key, value in changes.items() if value is not None}
        return replace(self, settings=replace(self.settings, **given))

    @property
    def start_hash(self) -> str | None:
        """SHA-256 of the weights that training continues; None if it begins with random ones."""
        return weights_hash(self.start) if self.start else None

    @property
    def stream_hash(self) -> str:
        """Hash of the first chats."""
        return stream_hash(self.settings.seed, self.stream)


def weights_hash(model: Path) -> str:
    """SHA-256 of a model's weights."""
    return hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()


RECIPES = {
    LAB: Recipe(),
    LAB_LESSONS: Recipe(Settings(steps=2000, learning_rate=1e-3, warmup=50), quoting_chat_at, LAB_FOLDER),
}
"""Recipes by model name. The second backbone is the first one that has also seen people quote what they do not know."""
