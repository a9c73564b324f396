"""From ranked lists to figures: NDCG and recall at 5 and 10, seen SKUs masked and not."""

import numpy as np
import pandas as pd

from harness.beauty import LeaveOneOut
from rec_assets import columns as c
from rec_assets.evaluation.accuracy import ACCURACY, Found

DEPTH = 10
CUTOFFS = (5, 10)
METRICS = ("ndcg", "recall")
VIEWS = {True: "masked", False: "unmasked"}


def target_ranks(lists: pd.DataFrame, data: LeaveOneOut, masked: bool) -> np.ndarray:
    """Find the rank of each customer's test SKU, shape ``(C,)``; ``inf`` where the list lacks it.

    Raises
    ------
    ValueError
        When a list names a customer that was not asked for, or puts two SKUs at one rank: a broken list
        could count a hit twice.
    """
    purchases = data.purchases
    view = lists[lists[c.MASKED] == masked]
    if view.duplicated([c.CUSTOMER, c.RANK]).any() or view.duplicated([c.CUSTOMER, c.SKU]).any():
        raise ValueError("a customer's list holds an SKU or a rank twice")
    owner = pd.Index(purchases.customers).get_indexer(view[c.CUSTOMER])
    if (owner < 0).any():
        raise ValueError("a list belongs to a customer who was not asked for")
    hit = purchases.skus[data.targets[owner]] == view[c.SKU].to_numpy(object)
    ranks = np.full(len(purchases.customers), np.inf)
    ranks[owner[hit]] = view[c.RANK].to_numpy()[hit]
    return ranks


def judge(lists: pd.DataFrame, data: LeaveOneOut) -> dict[str, float]:
    """Average every metric over all test customers; a customer without a list counts as a miss.

    Returns
    -------
    dict
        ``{"ndcg@10/masked": …}``.
    """
    figures = {}
    customers = len(data.purchases.customers)
    for masked, view in VIEWS.items():
        ranks = target_ranks(lists, data, masked)
        found = Found(ranks, np.arange(customers), np.full(customers, np.nan), customers)
        for metric in METRICS:
            for k in CUTOFFS:
                figures[f"{metric}@{k}/{view}"] = float(ACCURACY[metric](found, k).mean())
    return figures
