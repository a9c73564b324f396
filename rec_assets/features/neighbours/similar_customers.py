"""Similar customers, what they bought, and clusters of interest."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfTransformer

from rec_assets.features.neighbours.nearest import Pairs, k_means
from rec_assets.features.neighbours.similar_items import first_of_each
from rec_assets.features.neighbours.vectors import dense_vectors

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
_BLOCK = 8192  # customers at once: bounds memory


def customer_vectors(matrix: Any, dimensions: int, seed: int) -> Floats:
    """Give ``(C, d)`` unit vectors of ``(C, S)`` purchases; what everybody buys says little (TF-IDF)."""
    return dense_vectors(TfidfTransformer().fit_transform(matrix), dimensions, seed)


def from_similar_customers(matrix: Any, similar: Pairs, k: int) -> Pairs:
    """List for each customer what their neighbours bought and they did not, by the neighbours' similarity.

    Parameters
    ----------
    matrix
        ``(C, S)`` of ones, sparse.
    similar
        Similar customers.
    k
        SKUs of a customer.
    """
    customers = matrix.shape[0]
    votes = csr_array((similar.value, (similar.one, similar.other)), shape=(customers, customers))
    parts = []
    for begin in range(0, customers, _BLOCK):
        own = matrix[begin : begin + _BLOCK]
        bought = votes[begin : begin + _BLOCK] @ matrix
        new = (bought - bought.multiply(own)).tocoo()
        open_ = new.data > 0
        parts.append(first_of_each(new.row[open_] + begin, new.col[open_], new.data[open_], k))
    one, other, value = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Pairs(one, other, value)


def interest_clusters(vectors: Floats, clusters: int, seed: int) -> Integers:
    """Give each customer's cluster ``(C,)``, numbered from the one with most customers."""
    labels = k_means(vectors, clusters, seed).labels_
    _, place, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    number = np.empty(len(sizes), np.int64)
    number[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return number[place]


def cluster_articles(matrix: Any, cluster: Integers, k: int) -> Pairs:
    """List the ``k`` SKUs that most customers of each cluster bought, with their number."""
    members = csr_array((np.ones(len(cluster), np.float32), (cluster, np.arange(len(cluster)))))
    bought = (members @ matrix).tocoo()
    return Pairs(*first_of_each(bought.row, bought.col, bought.data, k))
