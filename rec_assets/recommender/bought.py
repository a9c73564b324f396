"""What customers have bought, as places in a batch of scores."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


def bought_last(ids: Integers, words: int) -> Integers:
    """List the SKUs of a token row ``(T,)``, last one first, each once.

    >>> bought_last(np.array([3, 12, 11, 4, 12]), 10).tolist()
    [2, 1]
    """
    skus = ids[ids >= words][::-1] - words
    _, first = np.unique(skus, return_index=True)
    return np.asarray(skus[np.sort(first)], dtype=np.int64)


def cells(bought: Sequence[Integers]) -> tuple[Integers, Integers, Integers]:
    """Give row, ``sku_index`` and how many before it in the row, of every SKU.

    >>> [part.tolist() for part in cells([np.array([7, 4]), np.array([], np.int64), np.array([5])])]
    [[0, 0, 2], [7, 4, 5], [0, 1, 0]]
    """
    lengths = [len(skus) for skus in bought]
    row = np.repeat(np.arange(len(bought)), lengths)
    back = np.concatenate([*(np.arange(length) for length in lengths), np.empty(0, np.int64)])
    return row, np.concatenate([*bought, np.empty(0, np.int64)]), back
