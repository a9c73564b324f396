"""The classical models, fitted on training purchases alone, as the sequential models are.

The product's own baselines learn from everything before ``as_of``. Here the validation SKU is only read, as
the newest of the history, so that no model has learnt from it.
"""

import numpy as np
from lenskit import score
from lenskit.data import ItemList, RecQuery
from lenskit.knn import ItemKNNScorer

from harness.beauty import only
from rec_assets.baselines.collaborative import Ease, LensKitBaseline
from rec_assets.baselines.data import Floats, Integers, Purchases
from rec_assets.baselines.rules import Popular
from rec_assets.baselines.successors import BoughtNext


class TrainedPopular(Popular):
    """Purchases of each SKU in training."""

    @property
    def parameters(self) -> int:
        """Numbers kept: a count of each SKU sold."""
        return int((self._counts > 0).sum())

    def _fit(self, data: Purchases) -> None:
        super()._fit(only(data, data.in_training))


class TrainedItemKnn(LensKitBaseline):
    """LensKit's item neighbours; the history is handed over with the question."""

    def __init__(self, seed: int, threads: int) -> None:
        super().__init__(ItemKNNScorer, {"feedback": "implicit", "max_nbrs": 20}, seed, threads)

    @property
    def parameters(self) -> int:
        """Numbers kept: the similarities."""
        matrix = self._pipeline.node("scorer").component.sim_matrix
        return int(matrix.nnz)

    def _fit(self, data: Purchases) -> None:
        super()._fit(only(data, data.in_training))
        self._readable = only(data, np.isin(data.sku, self._numbers))

    def _score(self, data: Purchases, customers: Integers) -> Floats:
        scores = np.full((len(customers), len(data.skus)), -np.inf, np.float32)
        for row, customer in zip(scores, customers.tolist(), strict=True):
            # LensKit 2025.8.1 panics on an SKU of the history that it did not train on.
            history = ItemList(item_ids=np.unique(self._readable.history(customer)))
            query = RecQuery(user_id=customer, user_items=history)
            row[self._numbers] = score(self._pipeline, query, self._items).scores()
        return scores


class TrainedEase(Ease):
    """The product's EASE; SKUs of the history that training never sold say nothing."""

    def __init__(self, seed: int, threads: int) -> None:
        super().__init__({"regularization": 100}, seed, threads, max_items=20_000)

    @property
    def parameters(self) -> int:
        """Numbers kept: the dense weights."""
        return int(self._pipeline.node("scorer").component.weights.size)

    def _fit(self, data: Purchases) -> None:
        super()._fit(only(data, data.in_training))
        self._readable = only(data, np.isin(data.sku, self._numbers))

    def _score(self, data: Purchases, customers: Integers) -> Floats:
        return super()._score(self._readable, customers)


class TrainedBoughtNext(BoughtNext):
    """The product's counts of what is bought after what."""

    @property
    def parameters(self) -> int:
        """Numbers kept: the successors' weights."""
        return int(self._successors.nnz)

    def _fit(self, data: Purchases) -> None:
        super()._fit(only(data, data.in_training))
