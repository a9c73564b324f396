"""The one call that every baseline answers: fit on purchases, score the catalogue for customers."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from rec_assets.baselines.data import Floats, Integers, Purchases
from rec_assets.errors import CouturierError, TableError


class Baseline(ABC):
    """A recommender to beat.

    This class checks and splits, the models compute: a model is asked only about customers it can know,
    and whatever it cannot score becomes ``-inf``, to be filled by popularity when lists are cut.
    """

    needs_history: ClassVar[bool] = True
    """Whether customers without a purchase before ``as_of`` are beyond this model."""

    _data: Purchases | None = None

    def unsuited(self, data: Purchases) -> str | None:
        """Say why this model cannot be fitted on ``data``; none when it can."""
        del data
        return None

    def fit(self, data: Purchases) -> None:
        """Learn from purchases before ``as_of``.

        Raises
        ------
        TableError
            When there is no purchase to learn from.
        """
        if not len(data.sku):
            raise TableError("There is no purchase before as_of.", "Move splits.as_of to a later date.")
        self._fit(data)
        self._data = data

    def score(self, customers: Integers) -> Floats:
        """Score the whole catalogue, higher is better.

        Parameters
        ----------
        customers
            Customer numbers, shape ``(B,)``.

        Returns
        -------
        Floats
            Shape ``(B, N)``; ``-inf`` where the model has no opinion.

        Raises
        ------
        CouturierError
            When called before :meth:`fit`.
        """
        data = self._data
        if data is None:
            raise CouturierError(f"{type(self).__name__} has not been fitted.", "Call fit() first.")
        scores = np.full((len(customers), len(data.skus)), -np.inf, np.float32)
        known = data.starts[customers + 1] > data.starts[customers]
        asked = known if self.needs_history else np.ones_like(known)
        if asked.any():
            scores[asked] = self._score(data, customers[asked])
        scores[np.isnan(scores)] = -np.inf
        return scores

    @abstractmethod
    def _fit(self, data: Purchases) -> None:
        """Learn; ``data`` holds at least one purchase."""

    @abstractmethod
    def _score(self, data: Purchases, customers: Integers) -> Floats:
        """Score for customers that meet :attr:`needs_history`; NaN or ``-inf`` for no opinion."""
