"""Recall and NDCG of lists of SKUs, however they were made."""

from collections.abc import Mapping, Sequence

import numpy as np

from rec_assets.evaluation.accuracy import ACCURACY, Found

CUTOFF = 10


def figures(lists: Mapping[int, Sequence[str]], targets: Sequence[set[str]], view: str) -> dict[str, float]:
    """Average over customers; one without a list counts as a miss.

    Parameters
    ----------
    lists
        SKUs by place of the customer, best first.
    targets
        What each customer bought.
    view
        ``masked`` or ``unmasked``.

    Returns
    -------
    dict
        ``{"ndcg@10/masked": …, "recall@10/masked": …}``.
    """
    ranks, owners = [], []
    for place, basket in enumerate(targets):
        at = {sku: rank for rank, sku in enumerate(lists.get(place, ()), start=1)}
        ranks += [float(at.get(sku, np.inf)) for sku in sorted(basket)]
        owners += [place] * len(basket)
    found = Found(np.array(ranks), np.array(owners), np.full(len(ranks), np.nan), len(targets))
    return {
        f"{metric}@{CUTOFF}/{view}": float(np.nanmean(ACCURACY[metric](found, CUTOFF)))
        for metric in ("ndcg", "recall")
    }
