"""Diversity: how different a text is from the other passing texts of its group."""

import math
from collections.abc import Callable, Sequence
from itertools import combinations

from reward.answers.extract.final_answer import strip_answer_line
from reward.answers.extract.visible import visible

from .words import Gram, ngrams, words

_SHINGLE_WORDS = 3

Vectors = Sequence[Sequence[float]]
"""Embeddings [m, dimensions], one per text."""


def lexical(texts: Sequence[str]) -> list[float]:
    """d_i = (1/m) * sum over j != i of (1 - J(i, j)), for m texts; J is the Jaccard similarity of the sets
    of word 3-grams, final answer lines left out.

    This is the leave-one-out mean distance times (m - 1)/m. The factor makes it continuous in the size of the group:
    0 for one text, at most 1/2 for two, at most 1 - 1/m for m. A group therefore gains nothing if fewer candidates
    pass. One more text moves every d_i by at most 1/(m + 1). The values lie in [0, 1) and do not depend on order;
    texts of the same form share a value.
    """
    distances = lexical_distances(texts)
    return _leave_one_out(len(distances), lambda i, j: distances[i][j])


def lexical_distances(texts: Sequence[str]) -> list[list[float]]:
    """Distances 1 - J(i, j) of every pair of texts, [m, m]; `lexical` averages them."""
    shingles = [_shingles(text) for text in texts]
    return [[1 - _jaccard(left, right) for right in shingles] for left in shingles]


def embedding(vectors: Vectors) -> list[float]:
    """d_i = (1/m) * sum over j != i of (1 - cos(i, j)) / 2, for the embeddings of m texts.

    It is `lexical` with another distance and the same bounds. Pass vectors whitened by a `Whitening`: raw sentence
    embeddings of one task point almost the same way, which leaves differences of 1e-3.
    """
    distances = _cosine_distances(vectors)
    return _leave_one_out(len(distances), lambda i, j: distances[i][j])


def paper(vectors: Vectors) -> list[float]:
    """max(0, D(S) - D(S without i)), D the mean of (1 - cos) / 2 over the pairs; D is 0 for fewer than two.

    This is r_div of "Patch the Distribution Mismatch" (arXiv 2602.11220), on unwhitened vectors [m, dimensions]. About
    half of a group of three or more gets 0, and a pair gets its whole distance.
    """
    distances = _cosine_distances(vectors)
    members = range(len(distances))
    whole = _mean_distance(distances, members)
    return [max(0.0, whole - _mean_distance(distances, [j for j in members if j != i])) for i in members]


def _leave_one_out(count: int, distance: Callable[[int, int], float]) -> list[float]:
    # fsum, because the order of the group must not change the last digits.
    return [math.fsum(distance(i, j) for j in range(count) if j != i) / count for i in range(count)]


def _cosine_distances(vectors: Vectors) -> list[list[float]]:
    # Imported here because the verifier's processes import this package and start often.
    import numpy as np

    matrix = np.asarray(vectors, dtype=np.float64)
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    units = matrix / np.where(norms > 0, norms, 1)
    return ((1 - np.clip(units @ units.T, -1, 1)) / 2).tolist()


def _mean_distance(distances: list[list[float]], members: Sequence[int]) -> float:
    pairs = [distances[i][j] for i, j in combinations(members, 2)]
    return math.fsum(pairs) / len(pairs) if pairs else 0.0


def _shingles(text: str) -> frozenset[Gram]:
    said = words(strip_answer_line(visible(text)))
    # A text of fewer than three words is one shorter gram, which keeps its set from being empty.
    return frozenset(ngrams(said, min(_SHINGLE_WORDS, len(said))))


def _jaccard(left: frozenset[Gram], right: frozenset[Gram]) -> float:
    return len(left & right) / len(left | right)
