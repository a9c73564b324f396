import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lenskit.data import ItemList, ItemListCollection, from_interactions_df
from lenskit.metrics.ranking import ListGini, MeanPopRank

from rec_assets.evaluation.beyond_accuracy import (
    coverage,
    exposure_gini,
    intra_list_diversity,
    mean_per_list,
    novelty,
    popularity_quantile,
    self_information,
    serendipity,
)


@pytest.fixture(scope="module")
def lists() -> np.ndarray:
    random = np.random.default_rng(5)
    return np.stack([random.permutation(40)[:10] for _ in range(30)])


def test_gini_is_lenskits(lists: np.ndarray) -> None:
    collection = ItemListCollection(["user_id"])
    for customer, ranked in enumerate(lists):
        collection.add(ItemList(item_ids=ranked, ordered=True), user_id=customer)
    metric = ListGini(items=50)
    pinned = metric.global_aggregate([metric.compute_list_data(ranked, None) for _, ranked in collection])
    assert exposure_gini(lists, 50) == pytest.approx(pinned)


def test_popularity_quantile_is_lenskits(lists: np.ndarray) -> None:
    random = np.random.default_rng(6)
    bought = pd.DataFrame({"user_id": np.arange(300), "item_id": random.integers(0, 40, 300)})
    metric = MeanPopRank(from_interactions_df(bought))
    purchases = np.bincount(bought["item_id"], minlength=40)
    pinned = [metric.measure_list(ItemList(item_ids=ranked, ordered=True), None) for ranked in lists]
    assert mean_per_list(lists, popularity_quantile(purchases)) == pytest.approx(np.mean(pinned))


@settings(max_examples=50)
@given(st.lists(st.lists(st.integers(0, 9), unique=True, max_size=6), min_size=1, max_size=5))
def test_diversity_is_the_mean_distance_of_pairs(ranked: list[list[int]]) -> None:
    attributes = np.random.default_rng(1).integers(0, 3, (10, 4))
    padded = np.full((len(ranked), 6), -1)
    for row, items in enumerate(ranked):
        padded[row, : len(items)] = items
    slow = [
        np.mean([(attributes[a] != attributes[b]).mean() for a, b in itertools.combinations(items, 2)])
        for items in ranked
        if len(items) > 1
    ]
    fast = intra_list_diversity(padded, attributes)
    assert np.isnan(fast) if not slow else fast == pytest.approx(np.mean(slow))


def test_a_rarer_list_is_more_novel() -> None:
    information = self_information(np.array([90, 9, 0]))
    assert novelty(np.array([[2]]), information) > novelty(np.array([[1]]), information)
    assert novelty(np.array([[1]]), information) > novelty(np.array([[0]]), information)
    assert np.isfinite(information).all()


def test_coverage_is_full_when_every_article_is_listed_once() -> None:
    assert coverage(np.arange(20).reshape(4, 5), 20) == 1
    assert exposure_gini(np.arange(20).reshape(4, 5), 20) == pytest.approx(0)


def test_only_unexpected_hits_are_serendipitous() -> None:
    hits = np.array([[True, True, False], [False, False, True]])
    assert serendipity(hits, np.zeros_like(hits), 3) == pytest.approx(0.5)
    assert serendipity(hits, hits, 3) == 0


def test_nothing_listed_is_undefined_not_an_error() -> None:
    nothing = np.full((2, 3), -1)
    assert np.isnan(exposure_gini(nothing, 4))
    assert np.isnan(novelty(nothing, np.ones(4)))
    assert coverage(nothing, 4) == 0
