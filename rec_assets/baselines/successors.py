"""What is bought after what, counted."""

from typing import Final

import numpy as np
import pandas as pd
import torch
from scipy.sparse import coo_array, csr_array

from rec_assets.baselines.base import Baseline
from rec_assets.baselines.data import Floats, Integers, Purchases
from rec_assets.recommender.bought import bought_last, cells
from rec_assets.recommender.repeats import RepeatRates, repeat_rates

_FARTHEST: Final = 50  # purchases from the first of a pair to the second
_FADING: Final = 0.8  # of a pair, for each basket from the first to the second
_BACKWARDS: Final = 0.3  # what the second says of the first, beside what that says of the second
_BEFORE, _AFTER = 0.5, 0.1  # powers of the popularity of what was bought, and of what came after
_RECENT: Final = 0.65  # of an SKU, for each different one bought since


class BoughtNext(Baseline):
    """What others bought after the customer's latest SKUs, and these again as often as customers do.

    Sequential rules (Ludewig and Jannach 2018, arXiv 1803.09587), normalised by popularity as item
    neighbourhoods are, mixed with counted repeats as the product's own scores are.
    """

    def _fit(self, data: Purchases) -> None:
        # Without a common date there is no clock either: each purchase is a basket of its own.
        baskets = np.arange(len(data.sku))
        if data.as_of is not None:
            baskets = data.timestamp.astype("datetime64[D]").astype(np.int64)
        self._successors = successors(data.customer, baskets, data.sku, len(data.skus))
        every = (pd.Series(part) for part in (data.customer, baskets, data.sku))
        self._repeats = RepeatRates(tuple(repeat_rates(*every).tolist()))

    def _score(self, data: Purchases, customers: Integers) -> Floats:
        bought = [bought_last(data.history(customer), 0) for customer in customers.tolist()]
        row, sku, back = cells(bought)
        shape = (len(customers), len(data.skus))
        asked = coo_array((_RECENT**back, (row, sku)), shape=shape).tocsr()
        chances = (asked @ self._successors).toarray()
        chances[row, sku] = 0.0
        chances /= np.maximum(chances.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        scores = torch.from_numpy(chances).log_()
        self._repeats.mix(scores, bought)
        return scores.float().numpy()


def successors(customers: Integers, baskets: Integers, skus: Integers, size: int) -> csr_array:
    """Weigh for each SKU those bought after it, and a little those before.

    Parameters
    ----------
    customers, baskets, skus
        Of a purchase each, in order of customer and time. Inside a basket there is no order.
    size
        SKUs, ``n``.

    Returns
    -------
    scipy.sparse.csr_array
        ``(n, n)``.
    """
    table = pd.DataFrame({"customer": customers, "basket": baskets, "sku": skus}).drop_duplicates()
    customer, basket, sku = (table[name].to_numpy(np.int64) for name in table)
    opens = np.flatnonzero((np.diff(customer) != 0) | (np.diff(basket) != 0)) + 1
    basket = np.searchsorted(opens, np.arange(len(table)), side="right")
    pairs = csr_array((size, size), dtype=np.float64)
    for lag in range(1, _FARTHEST + 1):
        both = np.flatnonzero((customer[lag:] == customer[:-lag]) & (sku[lag:] != sku[:-lag]))
        before, after = sku[both], sku[both + lag]
        between = basket[both + lag] - basket[both]
        forth = _FADING**between
        back = np.where(between > 0, _BACKWARDS, 1.0) * forth
        places = (np.concatenate([before, after]), np.concatenate([after, before]))
        pairs += coo_array((np.concatenate([forth, back]), places), shape=(size, size)).tocsr()
    popular = np.bincount(sku, minlength=size).clip(1).astype(np.float64)
    found = pairs.tocoo()
    found.data = found.data / (popular[found.row] ** _BEFORE * popular[found.col] ** _AFTER)
    return found.tocsr()
