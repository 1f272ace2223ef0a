"""All settings of a pre-training run."""

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
    """Standard deviation of the initial weights; the usual 0.02 learns more slowly at this width."""


@dataclass(frozen=True)
class Settings:
    """Data, optimiser and schedule."""

    steps: int = 8_000
    """Optimiser steps; the cosine ends with the last."""
    seed: int = 0
    chats: int = 64
    """Chats per optimiser step."""
    micro_tokens: int = 8192
    """Maximum tokens, with padding, in a forward pass."""
    learning_rate: float = 2e-3
    final_share: float = 0.02
    """Fraction of the peak learning rate at the end of the cosine."""
    warmup: int = 200
    """Warm-up steps of the learning rate."""
    weight_decay: float = 0.05
    """Weight decay of matrices; embeddings and norms have none."""
    max_norm: float = 1.0
    threads: int = 2
    """Number of threads, which decides the order of sums and thus the last bits of the weights."""
    save_steps: int = 100
    log_steps: int = 20
    shape: Shape = field(default_factory=Shape)

    def __post_init__(self) -> None:
        for name in ("steps", "chats", "micro_tokens", "threads", "save_steps", "log_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0: linear warm-up, then a cosine decay."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        share = self.final_share + (1 - self.final_share) * (1 + math.cos(math.pi * done)) / 2
        return self.learning_rate * share
