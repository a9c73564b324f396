"""Rules that need no training: what sells, what sells now, what sells in my categories, what I bought."""

from typing import ClassVar

import numpy as np
import pandas as pd

from rec_assets.baselines.base import Baseline
from rec_assets.baselines.data import Floats, Integers, Purchases


class Popular(Baseline):
    """The most bought SKUs before ``as_of``, the same for everybody."""

    needs_history: ClassVar[bool] = False

    def _fit(self, data: Purchases) -> None:
        self._counts = data.popularity.astype(np.float32)

    def _score(self, data: Purchases, customers: Integers) -> Floats:
        return np.broadcast_to(self._counts, (len(customers), len(self._counts)))


class RecentlyPopular(Baseline):
    """The most bought SKUs of the last days before ``as_of``.

    Parameters
    ----------
    days
        Length of the window that ends at ``as_of``.
    """

    needs_history: ClassVar[bool] = False

    def __init__(self, days: int) -> None:
        self.days = days

    def unsuited(self, data: Purchases) -> str | None:
        """Without a common cut-off, one customer's recent past is another one's future."""
        return "the split has no date to count back from" if data.as_of is None else None

    def _fit(self, data: Purchases) -> None:
        assert data.as_of is not None
        start = (data.as_of - pd.Timedelta(days=self.days)).to_datetime64()
        counts = np.bincount(data.sku[data.timestamp >= start], minlength=len(data.skus))
        self._counts = np.where(counts > 0, counts, -np.inf).astype(np.float32)

    def _score(self, data: Purchases, customers: Integers) -> Floats:
        return np.broadcast_to(self._counts, (len(customers), len(self._counts)))


class PopularInCategory(Baseline):
    r"""Popularity within the customer's own mix of categories.

    :math:`s(u, i) = P(\mathrm{category}(i) \mid u)\; P(i \mid \mathrm{category}(i))`: the customer's share of
    purchases in the SKU's category, times the SKU's share of that category's purchases. No opinion on
    categories the customer never bought from.
    """

    def _fit(self, data: Purchases) -> None:
        in_category = np.bincount(data.categories, weights=data.popularity)
        self._within = data.popularity / np.maximum(in_category, 1)[data.categories]
        self._size = len(in_category)

    def _score(self, data: Purchases, customers: Integers) -> Floats:
        mix = np.stack(
            [
                np.bincount(data.categories[data.history(customer)], minlength=self._size)
                for customer in customers.tolist()
            ]
        )  # (B, categories)
        share = mix / mix.sum(axis=1, keepdims=True)
        scores = share[:, data.categories] * self._within
        return np.where(scores > 0, scores, -np.inf).astype(np.float32)


class Repeat(Baseline):
    """The customer's own SKUs again, latest first; no opinion on anything else."""

    def _fit(self, data: Purchases) -> None:
        """Nothing to learn: the history is read when ranking."""

    def _score(self, data: Purchases, customers: Integers) -> Floats:
        scores = np.full((len(customers), len(data.skus)), -np.inf, np.float32)
        for row, customer in zip(scores, customers.tolist(), strict=True):
            history = data.history(customer)
            np.maximum.at(row, history, np.arange(1, len(history) + 1, dtype=np.float32))
        return scores
