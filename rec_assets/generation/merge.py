"""One list out of several chains."""

import numpy as np
import numpy.typing as npt

from rec_assets.generation.item_tokens import Ints

DAMPING = 60


def merge_chains(chains: Ints, k: int) -> tuple[Ints, npt.NDArray[np.float64], Ints]:
    """Put each SKU once, by reciprocal rank fusion (Cormack, Clarke & Büttcher, SIGIR 2009).

    An SKU scores ``Σ 1 / (60 + rank)`` over the chains that hold it: what several chains agree on comes
    first, then what came early. Equal scores are in order of ``sku_index``.

    Parameters
    ----------
    chains
        ``(B, chains, length)``: ``sku_index``; -1 is left out.
    k
        Length of the list.

    Returns
    -------
    tuple
        ``(skus, scores, votes)``, each ``(B, k)``: the list, padded with -1; its scores, padded with 0; how
        many chains hold each.
    """
    batch, _, length = chains.shape
    flat = chains.reshape(batch, -1)
    owners, places = np.nonzero(flat >= 0)
    stride = int(flat.max(initial=0)) + 1
    keys, inverse = np.unique(owners * stride + flat[owners, places], return_inverse=True)
    scores = np.bincount(inverse, 1 / (DAMPING + places % length + 1), minlength=len(keys))
    votes = np.bincount(inverse, minlength=len(keys))
    owner, sku = keys // stride, keys % stride
    order = np.lexsort((sku, -np.round(scores, 12), owner))
    owner, sku = owner[order], sku[order]
    rank = np.arange(len(owner)) - np.searchsorted(owner, owner)
    kept = rank < k
    at = owner[kept], rank[kept]
    merged = (
        np.full((batch, k), -1, dtype=np.int64),
        np.zeros((batch, k)),
        np.zeros((batch, k), dtype=np.int64),
    )
    for target, values in zip(merged, (sku, scores[order], votes[order]), strict=True):
        target[at] = values[kept]
    return merged
