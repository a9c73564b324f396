"""Where articles stand among each other by what was bought together: the start of their ID parts.

A language model that has to learn from nothing which articles go together spends most of its training on it.
Counting tells most of it in seconds: positive pointwise mutual information of purchases a few places apart,
factorised (Levy & Goldberg, NeurIPS 2014, show that word2vec does the same implicitly; Barkan & Koenigstein,
arXiv 1603.04259, that it works for articles).
"""

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

# A pair of purchases counts less with every purchase between them.
_DECAY = 0.7
# Rare contexts are drawn more often than they occur: word2vec's smoothing.
_CONTEXT_POWER = 0.75
_SPECTRUM_POWER = 0.5


def co_purchase_vectors(
    customer: Integers, row: Integers, rows: int, width: int, *, window: int, rank: int, seed: int
) -> Floats:
    """Factorise co-purchases of the articles sold.

    Parameters
    ----------
    customer
        ``(P,)``: the customer of each purchase, each customer's purchases together and in order.
    row
        ``(P,)``: which of the ``rows`` articles it was.
    rows
        Articles sold, s.
    width
        Length d of a vector.
    window
        Purchases up to this many places apart were bought together.
    rank
        Directions kept, at most d.
    seed
        Of the factorisation and of the rotation that spreads ``rank`` directions over ``d`` channels.

    Returns
    -------
    numpy.ndarray
        ``(s, d)``, float32: unit vectors; zeros for an article never bought near another.
    """
    vectors = np.zeros((rows, width), np.float32)
    association = positive_pmi(pair_counts(customer, row, rows, window))
    rank = min(rank, width, rows - 1)
    if association.nnz == 0 or rank < 1:
        return vectors
    # One thread: the same bytes on every machine's number of cores.
    with threadpool_limits(1):
        left, values, _ = randomized_svd(association, rank, n_iter=3, random_state=seed)
        own = left * values**_SPECTRUM_POWER  # (s, r)
        lengths = np.linalg.norm(own, axis=1, keepdims=True)
        own = np.divide(own, lengths, out=np.zeros_like(own), where=lengths > 1e-9)
        noise = np.random.default_rng(seed).standard_normal((width, rank))
        rotation, _ = np.linalg.qr(noise)  # (d, r), orthonormal columns
        vectors[:] = own @ rotation.T
    return vectors


def pair_counts(customer: Integers, row: Integers, rows: int, window: int) -> csr_matrix:
    """Count pairs of one customer's purchases up to ``window`` places apart: ``(s, s)``, symmetric."""
    counts = csr_matrix((rows, rows), dtype=np.float64)
    for gap in range(1, min(window, len(row) - 1) + 1):
        near = np.flatnonzero(customer[gap:] == customer[:-gap])
        weights = np.full(len(near), _DECAY ** (gap - 1))
        counts += coo_matrix((weights, (row[near], row[near + gap])), shape=(rows, rows)).tocsr()
    return counts + counts.T


def positive_pmi(counts: csr_matrix) -> csr_matrix:
    """Turn symmetric counts into positive pointwise mutual information, symmetrised."""
    pairs = counts.tocoo()
    totals = np.asarray(counts.sum(axis=1)).ravel()
    smoothed = totals**_CONTEXT_POWER
    if pairs.nnz == 0:
        return counts
    information = np.log(pairs.data / totals[pairs.row] / (smoothed[pairs.col] / smoothed.sum()))
    kept = information > 0
    positive = csr_matrix((information[kept], (pairs.row[kept], pairs.col[kept])), shape=counts.shape)
    return (positive + positive.T) / 2
