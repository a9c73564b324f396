"""Similar articles: bought by the same customers, or described in the same words."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfVectorizer
from tqdm import tqdm

from rec_assets.columns import SKU
from rec_assets.features.neighbours.nearest import Pairs, nearest
from rec_assets.features.neighbours.tables import IN_WORDS, SIMILAR_SKU, TOGETHER, WEIGHT
from rec_assets.features.neighbours.vectors import dense_vectors

SHRINK = 5.0  # two articles of one customer would otherwise be as alike as can be
_BLOCK = 1024  # articles compared at once: bounds memory
_WORD = r"(?u)\b\w+\b"


def bought_together(matrix: Any, k: int) -> Pairs:
    """Find each article's ``k`` nearest by the customers who bought both.

    ``n_ij / (sqrt(n_i n_j) + 5)``: the cosine of two columns of the purchase matrix, damped where few
    customers speak for it. Exact, by sparse products of a thousand articles at a time.

    Parameters
    ----------
    matrix
        ``(C, S)`` of ones, sparse.
    k
        Neighbours of an article; fewer where fewer were bought together.
    """
    items = csr_array(matrix.T)
    norm = np.sqrt(np.diff(items.indptr))
    parts = []
    for begin in tqdm(range(0, items.shape[0], _BLOCK), desc="bought together", delay=1):
        both = (items[begin : begin + _BLOCK] @ matrix).tocoo()
        one, other = both.row + begin, both.col
        apart = one != other
        one, other, count = one[apart], other[apart], both.data[apart]
        parts.append(first_of_each(one, other, count / (norm[one] * norm[other] + SHRINK), k))
    one, other, value = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Pairs(one, other, value)


def first_of_each(
    one: npt.NDArray[Any], other: npt.NDArray[Any], value: npt.NDArray[Any], k: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Keep the ``k`` highest values of each ``one``, equal ones in order of ``other``."""
    order = np.lexsort((other, -value, one))
    one, other, value = one[order], other[order], value[order]
    rank = np.arange(len(one)) - np.searchsorted(one, one)
    kept = rank < k
    return one[kept].astype(np.int64), other[kept].astype(np.int64), value[kept].astype(np.float32)


def alike_in_words(texts: list[str], k: int, dimensions: int, exact_rows: int, seed: int) -> Pairs:
    """Find each article's ``k`` nearest by the TF-IDF vectors of their texts, reduced by SVD."""
    try:
        counts = TfidfVectorizer(token_pattern=_WORD, sublinear_tf=True, dtype=np.float32).fit_transform(
            texts
        )
    except ValueError:  # not one word among all texts
        nothing = np.empty(0, np.int64)
        return Pairs(nothing, nothing, np.empty(0, np.float32))
    return nearest(dense_vectors(counts, dimensions, seed), k, exact_rows, seed)


def similar_items(together: Pairs, in_words: Pairs, k: int) -> pd.DataFrame:
    """Merge both lists of each article into one of at most ``k``.

    An entry weighs the sum of 1 / rank over the lists that hold it: cosines of purchases and of words are on
    different scales, ranks are not (as in reciprocal rank fusion, Cormack et al., 2009).

    Returns
    -------
    pandas.DataFrame
        ``sku, similar_sku`` (places), ``together, in_words, weight``.
    """
    keys = [SKU, SIMILAR_SKU]
    merged = _ranked(together, TOGETHER).merge(_ranked(in_words, IN_WORDS), how="outer", on=keys)
    merged = merged.fillna(0.0)
    merged[WEIGHT] = merged.pop(f"{TOGETHER} rank") + merged.pop(f"{IN_WORDS} rank")
    merged = merged.sort_values([SKU, WEIGHT, SIMILAR_SKU], ascending=[True, False, True], kind="stable")
    return merged[merged.groupby(SKU).cumcount() < k].reset_index(drop=True)


def _ranked(pairs: Pairs, name: str) -> pd.DataFrame:
    rank = np.arange(len(pairs.one)) - np.searchsorted(pairs.one, pairs.one) + 1
    return pd.DataFrame(
        {
            SKU: pairs.one,
            SIMILAR_SKU: pairs.other,
            name: pairs.value.astype(np.float64),
            f"{name} rank": 1 / rank,
        }
    )
