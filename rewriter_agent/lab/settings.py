"""What a pre-training run is made with, all in one place."""

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Shape:
    """The Llama that is trained; 1.9 million parameters by default."""

    vocabulary: int = 512
    hidden: int = 192
    layers: int = 4
    heads: int = 6
    feed_forward: int = 512
    positions: int = 1024
    spread: float = 0.06
    """Standard deviation of the first weights; the usual 0.02 learns more slowly at this width."""


@dataclass(frozen=True)
class Settings:
    """Data, optimiser and schedule."""

    steps: int = 8_000
    """Optimiser steps; the cosine ends with the last."""
    seed: int = 0
    chats: int = 64
    """Chats in an optimiser step."""
    micro_tokens: int = 8192
    """Most tokens, with padding, in a forward pass."""
    learning_rate: float = 2e-3
    final_share: float = 0.02
    """Of the learning rate, at the end of the cosine."""
    warmup: int = 200
    """Steps in which the learning rate rises."""
    weight_decay: float = 0.05
    """On matrices; embeddings and norms have none."""
    max_norm: float = 1.0
    threads: int = 2
    """The order of sums depends on it, and with that the last bits of the weights."""
    save_steps: int = 100
    log_steps: int = 20
    shape: Shape = field(default_factory=Shape)

    def __post_init__(self) -> None:
        for name in ("steps", "chats", "micro_tokens", "threads", "save_steps", "log_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0: a line up, then a cosine down."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        share = self.final_share + (1 - self.final_share) * (1 + math.cos(math.pi * done)) / 2
        return self.learning_rate * share
