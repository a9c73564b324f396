"""The nearest rows of a matrix of unit vectors: exact while that is quick, in cells above."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.cluster import MiniBatchKMeans
from sklearn.neighbors import NearestNeighbors
from tqdm import tqdm

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

_CELL = 2_000  # rows a cell holds on average
_PROBED = 5  # cells searched for a row: its own and the nearest ones
_MOST = 20_000  # rows searched for any row; a seeded sample of larger cells


@dataclass(frozen=True)
class Pairs:
    """Similar things: place of one, place of the other, and how similar, sorted by the first, nearest first.

    All of shape ``(P,)``; ``value`` is above 0.
    """

    one: Integers
    other: Integers
    value: Floats


def nearest(vectors: Floats, k: int, exact_rows: int, seed: int) -> Pairs:
    """Find each row's ``k`` nearest others by cosine.

    Up to ``exact_rows`` rows all are compared. Above, rows are laid into cells by k-means and compared with
    those of the five nearest cells (an inverted file, as in Jégou, Douze and Schmid, "Product quantization
    for nearest neighbor search", 2011): a million rows cost some thousand comparisons each, not a million.

    Parameters
    ----------
    vectors
        ``(N, d)``, rows of length 1, or 0 for a row that is like no other.
    k
        Neighbours of a row, fewer where there are none with a cosine above 0.
    exact_rows
        Largest ``N`` compared in full.
    seed
        Of the cells.
    """
    # A row of zeros is nearer to any other, by the distance searched with, than two rows of cosine below 0.5.
    rows = np.flatnonzero(vectors.any(axis=1))
    if not len(rows):
        return Pairs(rows, rows, np.empty(0, np.float32))
    vectors = vectors[rows]
    searches = [(np.arange(len(rows)),) * 2] if len(rows) <= exact_rows else _cells(vectors, seed)
    parts = [_search(vectors, asked, among, k) for asked, among in searches]
    one, other, value = (np.concatenate(column) for column in zip(*parts, strict=True))
    one, other = rows[one], rows[other]
    kept = np.lexsort((other, -value, one))
    return Pairs(one[kept], other[kept], value[kept])


def _search(vectors: Floats, asked: Integers, among: Integers, k: int) -> tuple[Integers, Integers, Floats]:
    wanted = min(k + 1, len(among))  # a row finds itself too
    index = NearestNeighbors(n_neighbors=wanted, algorithm="brute", metric="euclidean").fit(vectors[among])
    other = among[index.kneighbors(vectors[asked], return_distance=False)]  # (A, wanted)
    one = np.broadcast_to(asked[:, None], other.shape)
    # Of equal rows, any may come first: oneself is taken out wherever it stands.
    last = np.argsort(one == other, axis=1, kind="stable")
    other = np.take_along_axis(other, last, axis=1)[:, :k]
    one = one[:, : other.shape[1]]
    value = np.einsum("akd,ad->ak", vectors[other], vectors[asked]).astype(np.float32)
    good = (one != other) & (value > 1e-6)
    return one[good], other[good], value[good]


def _cells(vectors: Floats, seed: int) -> Iterator[tuple[Integers, Integers]]:
    """Give the rows of each cell and the rows they are compared with."""
    fitted = k_means(vectors, -(-len(vectors) // _CELL), seed)
    label = fitted.labels_
    order = np.argsort(label, kind="stable")
    bounds = np.searchsorted(label[order], np.arange(len(fitted.cluster_centers_) + 1))
    cells = [order[begin:end] for begin, end in pairwise(bounds)]
    probed = min(_PROBED, len(cells))
    near = NearestNeighbors(n_neighbors=probed, algorithm="brute").fit(fitted.cluster_centers_)
    closest = near.kneighbors(fitted.cluster_centers_, return_distance=False)
    random = np.random.default_rng(seed)
    for cell, cells_near in zip(tqdm(cells, desc="neighbours", unit=" cells", delay=1), closest, strict=True):
        among = np.concatenate([cells[place] for place in cells_near])
        if len(among) > _MOST:
            among = random.choice(among, _MOST, replace=False)
        if len(cell):
            yield cell, np.sort(among)


def k_means(vectors: Floats, clusters: int, seed: int) -> Any:
    """Fit mini-batch k-means (Sculley, "Web-scale k-means clustering", 2010): linear in the rows."""
    distinct = len(np.unique(vectors, axis=0)) if len(vectors) <= 10 * clusters else clusters
    model = MiniBatchKMeans(max(1, min(clusters, distinct)), random_state=seed, batch_size=4096, n_init=3)
    return model.fit(vectors)
