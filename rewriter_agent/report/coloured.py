"""Texts whose tokens are coloured by how little the backbone expects them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

from reward.alignment import TAIL_PROBABILITY

LEVELS = (TAIL_PROBABILITY, 0.1, 0.01, 0.001)
"""Probabilities below which a token's colour grows stronger."""


@dataclass(frozen=True)
class Token:
    """One token of a coloured text."""

    text: str
    probability: float

    @property
    def level(self) -> int:
        """Number of thresholds in `LEVELS` that its probability is below."""
        return sum(self.probability < level for level in LEVELS)


def coloured(pieces: Sequence[str], logprobs: Sequence[float]) -> list[Token]:
    """The tokens with their probabilities; one log-prob (nats) a piece."""
    return [Token(piece, exp(logprob)) for piece, logprob in zip(pieces, logprobs, strict=True)]
