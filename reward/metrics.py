"""Held-out measures of the diversity of a whole set of texts, for reports and never part of a reward.

A reward that is optimised stops being a measure, so reports use other formulas.
"""

import math
import random
from collections import Counter
from collections.abc import Sequence

import numpy as np
from sacrebleu.metrics import BLEU

from .words import Gram, ngrams, words


def vendi_score(similarity: Sequence[Sequence[float]] | np.ndarray) -> float:
    """Effective number of distinct texts, from 1 (all alike) to n (Friedman and Dieng, arXiv 2210.02410).

    It is exp of the entropy of the eigenvalues of K / n, for a positive semidefinite K [n, n] with unit diagonal.

    Raises:
        ValueError: `similarity` is not a square matrix, or is empty.
    """
    kernel = np.asarray(similarity, dtype=np.float64)
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or not kernel.size:
        raise ValueError(
            f"the similarity matrix has shape {kernel.shape}, and must be [n, n], n > 0; give one row and one "
            "column a text."
        )
    eigenvalues = np.linalg.eigvalsh(kernel / len(kernel))
    positive = eigenvalues[eigenvalues > 1e-12]
    return float(np.exp(-(positive * np.log(positive)).sum()))


def word_similarity(texts: Sequence[str], n: int = 3) -> np.ndarray:
    """Jaccard similarity of the sets of word n-grams of each pair of texts, [texts, texts], in [0, 1].

    The kernel is positive semidefinite, as `vendi_score` requires. Time and memory are quadratic in the count.
    """
    grams = [_grams(text, n) for text in texts]
    matrix = np.ones((len(texts), len(texts)))
    for i, left in enumerate(grams):
        for j in range(i):
            matrix[i, j] = matrix[j, i] = len(left & grams[j]) / len(left | grams[j])
    return matrix


def distinct_n(texts: Sequence[str], n: int = 2) -> float:
    """Share of distinct n-grams among all word n-grams of the set, in [0, 1] (Li et al., arXiv 1510.03055).

    It is 0 without any n-gram, and falls as the set grows: compare sets of equal size only.
    """
    grams = [gram for text in texts for gram in ngrams(words(text), n)]
    return len(set(grams)) / len(grams) if grams else 0.0


def self_bleu(texts: Sequence[str], *, sample: int = 100, seed: int = 0) -> float:
    """Mean BLEU-4 of each text against all others, in [0, 1] (Zhu et al., arXiv 1802.01886); 1 if all are alike.

    A set of more than `sample` texts is reduced to that many, drawn by `seed`. Texts are compared as words, so case and
    punctuation do not count.

    Raises:
        ValueError: there are fewer than two texts.
    """
    if len(texts) < 2:
        raise ValueError(
            f"self-BLEU was given {len(texts)} text(s), and needs at least 2 to compare; give more."
        )
    drawn = random.Random(seed).sample(list(texts), min(sample, len(texts)))
    spoken = [" ".join(words(text)) for text in drawn]
    bleu = BLEU(tokenize="none", effective_order=True)
    scores = [bleu.sentence_score(own, spoken[:i] + spoken[i + 1 :]).score for i, own in enumerate(spoken)]
    return math.fsum(scores) / (100 * len(scores))


def opening_entropy(texts: Sequence[str], num_words: int = 4) -> float:
    """Entropy in nats of the texts' first words: 0 if all begin alike, log(len(texts)) if no two do.

    Raises:
        ValueError: there is no text.
    """
    if not texts:
        raise ValueError("the opening entropy was given no text, and needs at least 1; give more.")
    openings = Counter(tuple(words(text)[:num_words]) for text in texts)
    shares = [count / len(texts) for count in openings.values()]
    return max(0.0, -math.fsum(share * math.log(share) for share in shares))


def _grams(text: str, n: int) -> frozenset[Gram]:
    said = words(text)
    return frozenset(ngrams(said, min(n, len(said))))
