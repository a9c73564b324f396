"""Rules against lists that a reader can work out by hand."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from rec_assets.baselines.base import Baseline
from rec_assets.baselines.data import Purchases
from rec_assets.baselines.lists import best
from rec_assets.baselines.rules import Popular, PopularInCategory, RecentlyPopular, Repeat
from rec_assets.baselines.successors import BoughtNext
from rec_assets.errors import CouturierError

Shop = Callable[..., Purchases]


def listed(model: Baseline, data: Purchases, customer: int, depth: int = 9) -> str:
    """Rank the catalogue for one customer; the list as letters."""
    model.fit(data)
    scores = model.score(np.array([customer]))[0]
    return "".join(data.skus[best(scores, np.ones(len(data.skus), bool), data.popular_order, depth).skus])


def test_popular_counts_every_purchase_and_breaks_ties_by_sku(shop: Shop) -> None:
    # b: 3 purchases, d: 2, a and c: 1, e: none.
    assert listed(Popular(), shop(["bbd", "cb", "da"], "abcde"), customer=0) == "bdace"


def test_recently_popular_counts_only_the_last_days(shop: Shop) -> None:
    # The last two days hold b, c (first customer) and c, d (second); a is the favourite of all time.
    data = shop(["aaabc", "aacd"], "abcd")
    model = RecentlyPopular(days=2)
    assert listed(model, data, customer=0) == "cbda"
    assert model.score(np.array([0]))[0].tolist() == [-np.inf, 1, 2, 1]


def test_recently_popular_needs_a_date(shop: Shop) -> None:
    data = shop(["ab"], "ab")
    assert RecentlyPopular(2).unsuited(data) is None
    assert "date" in (RecentlyPopular(2).unsuited(replace(data, as_of=None)) or "")


def test_popular_in_category_multiplies_the_customers_share_by_the_skus_share(shop: Shop) -> None:
    # Categories: a, b are x; c, d are y. Sales: a 3, b 1; c 1, d 3.
    data = shop(["aac", "ab", "ddd"], "abcd", categories="xxyy")
    model = PopularInCategory()
    model.fit(data)
    # First customer: 2/3 x, 1/3 y.
    assert model.score(np.array([0]))[0] == pytest.approx(
        [2 / 3 * 3 / 4, 2 / 3 / 4, 1 / 3 / 4, 1 / 3 * 3 / 4]
    )
    # Third customer never bought from x: no opinion, popularity fills.
    assert model.score(np.array([2]))[0] == pytest.approx([-np.inf, -np.inf, 1 / 4, 3 / 4])
    assert listed(model, data, customer=2) == "dcab"


def test_repeat_lists_the_latest_first_then_the_popular(shop: Shop) -> None:
    # Own: b, c, b, a -> a (latest), b (again after c), c; then d (3) before e (1).
    data = shop(["bcba", "dddef"], "abcdef")
    assert listed(Repeat(), data, customer=0) == "abcdef"
    assert listed(Repeat(), data, customer=0, depth=2) == "ab"


def test_customers_without_history_get_no_opinion_but_popularity(shop: Shop) -> None:
    data = shop(["aab", ""], "abc")
    for model in (Repeat(), PopularInCategory()):
        model.fit(data)
        assert np.isneginf(model.score(np.array([0, 1]))[1]).all()
        assert listed(model, data, customer=1) == "abc"
    assert listed(Popular(), data, customer=1) == "abc"


def test_scoring_before_fitting_says_so() -> None:
    with pytest.raises(CouturierError, match="Popular has not been fitted"):
        Popular().score(np.array([0]))


def test_a_customer_with_ten_thousand_purchases_and_a_catalogue_of_one(shop: Shop) -> None:
    data = shop(["a" * 10_000, ""], "a")
    for model in (Popular(), RecentlyPopular(14), PopularInCategory(), Repeat()):
        assert listed(model, data, customer=0) == "a"


def test_bought_next_follows_the_latest_purchase(shop: Shop) -> None:
    # After a comes b (twice) or c; after d comes e. The last customer bought d, then a.
    data = shop(["ab", "ab", "ac", "de", "da"], "abcde")
    assert listed(BoughtNext(), data, customer=4, depth=3) == "bce"


def test_bought_next_says_again_what_customers_buy_again(shop: Shop) -> None:
    data = shop(["abababab", "ab", "ca"], "abc")
    model = BoughtNext()
    model.fit(data)
    again, once = model.score(np.array([0, 1]))
    assert again[0] > again[2]  # the one bought before the last comes back
    assert np.isfinite(once[:2]).all()
