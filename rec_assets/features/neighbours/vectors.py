"""Sparse counts as short dense vectors of length 1."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import normalize

Floats = npt.NDArray[np.float32]


def dense_vectors(weights: Any, dimensions: int, seed: int) -> Floats:
    """Reduce ``(N, F)`` sparse weights to ``(N, d)`` unit vectors, ``d <= dimensions``.

    By randomised truncated SVD, as latent semantic analysis does (Deerwester et al., 1990; Halko et al.,
    arXiv 0909.4061). Fewer features than dimensions stay as they are; a row of zeros stays zero.
    """
    if weights.shape[1] <= dimensions:
        dense = weights.toarray()
    else:
        dense = TruncatedSVD(min(dimensions, *weights.shape), random_state=seed).fit_transform(weights)
    unit: Floats = normalize(dense.astype(np.float32))
    return unit
