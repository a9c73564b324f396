"""LensKit's models must rank as LensKit's own pipeline ranks."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lenskit import recommend
from lenskit.als import ImplicitMFScorer
from lenskit.data import ItemList, from_interactions_df
from lenskit.knn import EASEScorer, ItemKNNScorer, UserKNNScorer
from lenskit.pipeline import topn_pipeline
from lenskit.training import TrainingOptions

from rec_assets.baselines.collaborative import LensKitBaseline, ease, implicit_als, item_knn, user_knn
from rec_assets.baselines.data import Purchases
from rec_assets.baselines.lists import best

CASES = [
    (item_knn(7, 1), ItemKNNScorer),
    (user_knn(7, 1), UserKNNScorer),
    (implicit_als(7, 1), ImplicitMFScorer),
    (ease(7, 1, max_items=100), EASEScorer),
]


@pytest.mark.parametrize(("model", "scorer"), CASES, ids=[scorer.__name__ for _, scorer in CASES])
def test_ranks_like_lenskit(model: LensKitBaseline, scorer: Any, purchases: Purchases) -> None:
    pairs = pd.DataFrame(
        {"user_id": purchases.customers[purchases.customer], "item_id": purchases.skus[purchases.sku]}
    ).drop_duplicates()
    dataset = from_interactions_df(pairs)
    pipeline = topn_pipeline(scorer, model.settings)
    pipeline.train(dataset, TrainingOptions(rng=7, device="cpu"))
    model.fit(purchases)
    for customer in (3, 17):
        name = purchases.customers[customer]
        unseen = np.ones(len(purchases.skus), bool)
        unseen[purchases.history(customer)] = False
        everything = ItemList.from_vocabulary(dataset.items)
        for allowed, items in ((unseen, None), (np.ones_like(unseen), everything)):
            theirs = recommend(pipeline, name, 10, items=items)
            ours = best(model.score(np.array([customer]))[0], allowed, purchases.popular_order, len(theirs))
            assert ours.filled == 0
            assert ours.scores == pytest.approx(theirs.scores(), rel=1e-4, abs=1e-5)
            distinct = np.abs(np.diff(theirs.scores())) > 1e-4
            if distinct.all():
                assert purchases.skus[ours.skus].tolist() == theirs.ids().tolist()


def test_ease_is_left_out_above_its_limit(purchases: Purchases) -> None:
    sold = int((purchases.popularity > 0).sum())
    assert ease(7, 1, max_items=sold).unsuited(purchases) is None
    reason = ease(7, 1, max_items=sold - 1).unsuited(purchases) or ""
    assert "baselines.ease_max_items" in reason


@pytest.mark.parametrize("make", [item_knn, user_knn, implicit_als])
def test_a_catalogue_of_one(
    make: Callable[[int, int], LensKitBaseline], shop: Callable[..., Purchases]
) -> None:
    data = shop(["aaa", "a"], "a")
    model = make(7, 1)
    model.fit(data)
    assert model.score(np.array([0, 1])).shape == (2, 1)
