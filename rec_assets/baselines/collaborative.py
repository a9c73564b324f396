"""LensKit's collaborative models, fitted and scored by LensKit itself."""

import logging
import warnings
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from lenskit import score
from lenskit.als import ImplicitMFScorer
from lenskit.data import ItemList, from_interactions_df
from lenskit.knn import EASEScorer, ItemKNNScorer, UserKNNScorer
from lenskit.parallel import initialize
from lenskit.pipeline import topn_pipeline
from lenskit.training import TrainingOptions
from scipy.sparse import csr_array

from rec_assets.baselines.base import Baseline
from rec_assets.baselines.data import Floats, Integers, Purchases


@cache
def limit_lenskit(threads: int) -> None:
    """Keep LensKit in this process, with ``threads`` threads: it allows one set-up a process."""
    # It also sets torch's inter-op threads and complains when torch has already run: nothing here uses them.
    logging.getLogger("lenskit.parallel.config").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "failed to set", RuntimeWarning)
        initialize(processes=1, threads=threads, backend_threads=threads)


class LensKitBaseline(Baseline):
    """A LensKit scorer in LensKit's own top-N pipeline, over distinct (customer, SKU) pairs.

    Parameters
    ----------
    scorer
        The scorer's class.
    settings
        Its configuration.
    seed
        Seeds LensKit's random numbers.
    threads
        Threads LensKit may use.
    """

    def __init__(self, scorer: type, settings: dict[str, Any], seed: int, threads: int) -> None:
        self.scorer = scorer
        self.settings = settings
        self.seed = seed
        self.threads = threads

    def _fit(self, data: Purchases) -> None:
        limit_lenskit(self.threads)
        pairs = pd.DataFrame({"user_id": data.customer, "item_id": data.sku}).drop_duplicates()
        dataset = from_interactions_df(pairs)
        self._pipeline = topn_pipeline(self.scorer, self.settings)
        # On the CPU wherever it runs, so that equal inputs give equal bytes.
        self._pipeline.train(dataset, TrainingOptions(rng=self.seed, device="cpu"))
        self._items = ItemList.from_vocabulary(dataset.items)
        self._numbers = np.asarray(self._items.ids(), np.int64)

    def _score(self, data: Purchases, customers: Integers) -> Floats:
        scores = np.full((len(customers), len(data.skus)), -np.inf, np.float32)
        for row, customer in zip(scores, customers.tolist(), strict=True):
            row[self._numbers] = score(self._pipeline, customer, self._items).scores()
        return scores


class Ease(LensKitBaseline):
    """Embarrassingly shallow autoencoder (arXiv 1905.03375).

    Parameters
    ----------
    max_items
        Sold SKUs above which it is left out: it inverts a dense SKUs x SKUs matrix.
    """

    def __init__(self, settings: dict[str, Any], seed: int, threads: int, max_items: int) -> None:
        super().__init__(EASEScorer, settings, seed, threads)
        self.max_items = max_items

    def unsuited(self, data: Purchases) -> str | None:
        """Its memory grows with the square, its time with the cube of the SKUs sold."""
        sold = int((data.popularity > 0).sum())
        if sold <= self.max_items:
            return None
        return f"{sold:,} SKUs sold, more than baselines.ease_max_items = {self.max_items:,}"

    def _score(self, data: Purchases, customers: Integers) -> Floats:
        # LensKit multiplies the dense weights once a customer; their rows at the history are all that counts.
        places = {int(number): place for place, number in enumerate(self._numbers)}
        owned = [
            sorted({places[sku] for sku in data.history(customer).tolist()})
            for customer in customers.tolist()
        ]
        bounds = np.concatenate([[0], np.cumsum([len(row) for row in owned])])
        ones = np.ones(bounds[-1], np.float32)
        shape = (len(owned), len(self._numbers))
        histories = csr_array((ones, np.concatenate(owned).astype(np.int64), bounds), shape=shape)
        scores = np.full((len(customers), len(data.skus)), -np.inf, np.float32)
        scores[:, self._numbers] = histories @ self._pipeline.node("scorer").component.weights
        return scores


def item_knn(seed: int, threads: int) -> LensKitBaseline:
    """Item neighbours by cosine, summed over the customer's SKUs."""
    return LensKitBaseline(ItemKNNScorer, {"feedback": "implicit", "max_nbrs": 20}, seed, threads)


def user_knn(seed: int, threads: int) -> LensKitBaseline:
    """User neighbours: customers with similar purchases vote for theirs."""
    return LensKitBaseline(UserKNNScorer, {"feedback": "implicit", "max_nbrs": 50}, seed, threads)


def implicit_als(seed: int, threads: int) -> LensKitBaseline:
    """Matrix factorisation of purchased-or-not (Hu, Koren and Volinsky, 2008)."""
    settings = {"embedding_size": 64, "epochs": 15, "regularization": 0.1, "weight": 40}
    return LensKitBaseline(ImplicitMFScorer, settings, seed, threads)


def ease(seed: int, threads: int, max_items: int) -> Ease:
    """Linear item-to-item weights with a closed form."""
    return Ease({"regularization": 100}, seed, threads, max_items)
