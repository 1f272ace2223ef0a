"""Diversity of a training set as a whole: measures that no reward optimises."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from reward.metrics import distinct_n, opening_entropy, self_bleu, vendi_score, word_similarity

MOST_TEXTS = 400
"""The similarity of all pairs is computed, so larger sets are sampled."""


@dataclass(frozen=True)
class DatasetDiversity:
    """Diversity over one text per problem; comparable between sets of equal size only."""

    distinct_2: float
    """Distinct word bigrams over all word bigrams."""
    self_bleu: float
    """Mean BLEU-4 of each text against the others, in [0, 1]; 1 is all alike."""
    vendi: float
    """Effective number of distinct texts as a share of their number (kernel: word 3-grams)."""
    opening_entropy: float
    """Entropy of the first four words, in nats."""


def dataset_diversity(texts: Sequence[str]) -> DatasetDiversity:
    """The measures over `texts`, at least two; of more than `MOST_TEXTS`, over a fixed sample."""
    chosen = random.Random(0).sample(list(texts), min(len(texts), MOST_TEXTS))
    return DatasetDiversity(
        distinct_n(chosen),
        self_bleu(chosen),
        vendi_score(word_similarity(chosen)) / len(chosen),
        opening_entropy(chosen),
    )
