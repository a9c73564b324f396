"""Pinned to LensKit's own values on random lists, and to properties that hold for any list."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lenskit.data import ItemList
from lenskit.metrics.ranking import NDCG, AveragePrecision, Hit, LogRankWeight, Precision, Recall, RecipRank

from rec_assets.evaluation.accuracy import (
    ACCURACY,
    Found,
    average_precision,
    hit_rate,
    ndcg,
    precision,
    recall,
    reciprocal_rank,
    revenue,
)

K = 10


def found_in(lists: np.ndarray, baskets: list[np.ndarray]) -> Found:
    ranks, owners = [], []
    for customer, (ranked, basket) in enumerate(zip(lists, baskets, strict=True)):
        for item in basket:
            place = np.flatnonzero(ranked == item)
            ranks.append(place[0] + 1 if len(place) else np.inf)
            owners.append(customer)
    return Found(np.array(ranks, dtype=float), np.array(owners), np.ones(len(ranks)), len(lists))


@pytest.fixture(scope="module")
def sample() -> tuple[np.ndarray, list[np.ndarray]]:
    random = np.random.default_rng(3)
    lists = np.stack([random.permutation(60)[:25] for _ in range(200)])
    baskets = [random.choice(60, random.integers(1, 16), replace=False) for _ in range(200)]
    return lists, baskets


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (hit_rate, Hit(K)),
        (precision, Precision(K)),
        (average_precision, AveragePrecision(K)),
        (reciprocal_rank, RecipRank(K)),
        (ndcg, NDCG(K, weight=LogRankWeight(offset=1))),
    ],
    ids=lambda metric: getattr(metric, "__name__", ""),
)
def test_equal_to_lenskit(sample, ours, theirs) -> None:
    lists, baskets = sample
    values = ours(found_in(lists, baskets), K)
    pinned = [
        theirs.measure_list(ItemList(item_ids=ranked, ordered=True), ItemList(item_ids=basket))
        for ranked, basket in zip(lists, baskets, strict=True)
    ]
    np.testing.assert_allclose(values, pinned, rtol=1e-12)


def test_recall_is_lenskits_without_its_cap_on_the_basket(sample) -> None:
    lists, baskets = sample
    values = recall(found_in(lists, baskets), K)
    pinned = [
        Recall().measure_list(ItemList(item_ids=ranked[:K], ordered=True), ItemList(item_ids=basket))
        for ranked, basket in zip(lists, baskets, strict=True)
    ]
    np.testing.assert_allclose(values, pinned, rtol=1e-12)


@st.composite
def holdouts(draw: st.DrawFn) -> Found:
    """Customers whose purchases stand at distinct ranks, or nowhere."""
    places = draw(st.lists(st.lists(st.integers(1, 40), unique=True, max_size=8), min_size=1, max_size=6))
    absent = draw(st.lists(st.integers(0, 3), min_size=len(places), max_size=len(places)))
    ranks, owners = [], []
    for customer, (listed, missing) in enumerate(zip(places, absent, strict=True)):
        ranks += [*map(float, listed), *[np.inf] * missing]
        owners += [customer] * (len(listed) + missing)
    spent = draw(st.lists(st.floats(0.01, 900), min_size=len(ranks), max_size=len(ranks)))
    return Found(np.array(ranks), np.array(owners, dtype=np.int64), np.array(spent), len(places))


@pytest.mark.parametrize("name", ACCURACY)
@settings(max_examples=60)
@given(found=holdouts(), k=st.integers(1, 20))
def test_bounded_and_undefined_only_for_empty_baskets(name: str, found: Found, k: int) -> None:
    values = ACCURACY[name](found, k)
    empty = np.bincount(found.customer, minlength=found.customers) == 0
    assert (np.isnan(values) == empty).all()
    assert ((values[~empty] >= 0) & (values[~empty] <= 1 + 1e-12)).all()


@pytest.mark.parametrize("name", ["hit_rate", "recall", "mrr", "revenue"])
@settings(max_examples=60)
@given(found=holdouts(), k=st.integers(1, 20))
def test_a_longer_list_never_finds_less(name: str, found: Found, k: int) -> None:
    shorter, longer = ACCURACY[name](found, k), ACCURACY[name](found, k + 1)
    assert (np.nan_to_num(longer) >= np.nan_to_num(shorter) - 1e-12).all()


@pytest.mark.parametrize("metric", [hit_rate, recall, average_precision, reciprocal_rank, ndcg, revenue])
@pytest.mark.parametrize("basket", [1, 4, 10])
def test_a_perfect_ranking_gives_one(metric, basket: int) -> None:
    perfect = Found(np.arange(1.0, basket + 1), np.zeros(basket, dtype=np.int64), np.ones(basket), 1)
    assert metric(perfect, K) == pytest.approx(1.0)


def test_a_perfect_list_shorter_than_the_basket_has_full_ndcg_but_not_full_recall() -> None:
    long_basket = Found(np.arange(1.0, 21), np.zeros(20, dtype=np.int64), np.ones(20), 1)
    assert ndcg(long_basket, K) == pytest.approx(1.0)
    assert recall(long_basket, K) == pytest.approx(0.5)


def test_revenue_leaves_out_unpriced_purchases() -> None:
    found = Found(np.array([1.0, 2.0, np.inf]), np.zeros(3, dtype=np.int64), np.array([np.nan, 5.0, 15.0]), 1)
    assert revenue(found, K) == pytest.approx(0.25)
