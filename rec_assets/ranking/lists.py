"""Ranked lists as a table."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from rec_assets import columns as c
from rec_assets.recommender.top import Top


def ranked_table(tops: Iterable[Top], customers: pd.Series, skus: pd.Series) -> pd.DataFrame:
    """Give tops as rows ``customer_id, sku, rank, score``, sorted by customer and rank.

    Parameters
    ----------
    tops
        Lists whose ``place`` indexes ``customers``.
    customers
        Customer ids.
    skus
        SKUs by ``sku_index``.
    """
    known = skus.to_numpy()
    names = customers.to_numpy()
    parts = sorted(tops, key=lambda top: names[top.place])
    if not parts:
        return pd.DataFrame({c.CUSTOMER: [], c.SKU: [], c.RANK: [], c.SCORE: []})
    lengths = [len(top.skus) for top in parts]
    return pd.DataFrame(
        {
            c.CUSTOMER: np.repeat(np.asarray([names[top.place] for top in parts], dtype=object), lengths),
            c.SKU: known[np.concatenate([top.skus for top in parts])],
            c.RANK: np.concatenate([np.arange(1, length + 1, dtype=np.int16) for length in lengths]),
            c.SCORE: np.concatenate([top.scores for top in parts]).astype(np.float32),
        }
    )
