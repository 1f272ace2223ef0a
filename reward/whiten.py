"""Whitening, which spreads the embeddings of one task evenly over all directions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from .types import Embed

_LEAST_SHRINKAGE = 1e-3
"""Smallest shrinkage; it keeps directions finite in which the reference vectors do not vary."""


@dataclass(frozen=True, eq=False)
class Whitening:
    """Map x -> C^(-1/2) (x - mean), with C the shrunk covariance of a reference set; it is fitted once.

    C = (1 - s) * covariance + s * (mean variance) * identity, with s by Ledoit and Wolf (2004). Fewer vectors than
    dimensions are therefore enough. `mean` is [dimensions]. `directions` [rank, dimensions] are orthonormal, each with
    its own scale; every direction orthogonal to them is scaled by `rest`.
    """

    mean: np.ndarray
    directions: np.ndarray
    scales: np.ndarray
    rest: float

    @classmethod
    def fit(cls, vectors: Sequence[Sequence[float]] | np.ndarray) -> Self:
        """Fit on reference vectors [n, dimensions], for example those of all expert solutions of a data set.

        Raises:
            ValueError: the vectors are fewer than two, all equal, or not finite.
        """
        matrix = np.asarray(vectors, dtype=np.float64)
        if len(matrix) < 2 or not np.isfinite(matrix).all() or np.ptp(matrix, axis=0).max() == 0:
            raise ValueError(
                f"whitening was given {len(matrix)} reference vector(s), and needs at least two finite ones that "
                "differ; fit it on the embeddings of more texts."
            )
        # Imported here because it takes a second and only the diversity kind `embedding` needs it.
        from sklearn.covariance import ledoit_wolf_shrinkage

        mean = matrix.mean(axis=0)
        centred = matrix - mean
        _, singular, directions = np.linalg.svd(centred, full_matrices=False)
        variance = float((singular**2).sum()) / matrix.size
        shrinkage = max(_LEAST_SHRINKAGE, float(ledoit_wolf_shrinkage(centred, assume_centered=True)))
        variances = (1 - shrinkage) * singular**2 / len(matrix) + shrinkage * variance
        return cls(mean, directions, 1 / np.sqrt(variances), float(1 / np.sqrt(shrinkage * variance)))

    def apply(self, vectors: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
        """Whiten vectors [n, dimensions]; each row depends only on itself and the reference set."""
        centred = np.asarray(vectors, dtype=np.float64) - self.mean
        return (
            self.rest * centred + (centred @ self.directions.T) * (self.scales - self.rest) @ self.directions
        )

    def around(self, embed: Embed) -> Embed:
        """Wrap `embed` to whiten its vectors, as the diversity kind `embedding` needs them."""
        return lambda texts: self.apply(embed(texts)).tolist()
