import numpy as np
import pandas as pd
import torch

from rec_assets.recommender.arrivals import arrivals_of, order_of_coming

DAY = pd.Timestamp("2024-03-01")


def sold(*purchases: tuple[str, int]) -> pd.DataFrame:
    """Purchases of SKUs so many days ago."""
    days = pd.to_timedelta([days for _, days in purchases], unit="D")
    return pd.DataFrame({"sku": [sku for sku, _ in purchases], "timestamp": DAY - days})


def test_skus_came_when_they_were_introduced() -> None:
    days = pd.to_datetime(["2024-02-01", "2023-02-01", "2024-01-01"])
    articles = pd.DataFrame({"sku": ["a", "b", "c"], "introduced": days})
    assert order_of_coming(pd.Series(["c", "a", "b"]), articles).tolist() == [1, 2, 0]


def test_codes_tell_where_an_introduction_is_unknown() -> None:
    days = pd.to_datetime(["2024-02-01", None, "2024-01-01"])
    articles = pd.DataFrame({"sku": ["a", "b", "c"], "introduced": days})
    assert order_of_coming(pd.Series(["c", "a", "b", "d"]), articles).tolist() == [2, 0, 1, 3]


def test_what_has_left_the_catalogue_needs_no_introduction() -> None:
    days = pd.to_datetime(["2024-02-01", "2023-02-01", "2024-01-01"])
    articles = pd.DataFrame({"sku": ["a", "b", "c"], "introduced": days})
    assert order_of_coming(pd.Series(["left", "c", "a", "b"]), articles).tolist() == [0, 2, 3, 1]


def test_neighbours_of_what_is_newly_sold_are_likeliest() -> None:
    skus = pd.Series([f"{number:03}" for number in range(300)])
    events = sold(("010", 400), ("250", 3), ("255", 0))
    arrivals = arrivals_of(events, skus, np.arange(300))
    torch.testing.assert_close(arrivals.sum(), torch.tensor(1.0))
    assert arrivals[[10, 250, 255]].tolist() == [0, 0, 0]
    assert arrivals[245:261].sum() > 0.8
    assert arrivals[11] < 2 * arrivals[150]  # first sold too long ago to speak for its neighbours
    assert (arrivals[[0, 150, 299]] > 0).all()


def test_an_order_that_first_sales_do_not_follow_says_nothing() -> None:
    skus = pd.Series([f"{number:03}" for number in range(300)])
    days = np.random.default_rng(1).permutation(100)
    arrivals = arrivals_of(sold(*zip(skus[::3], days, strict=True)), skus, np.arange(300))
    assert arrivals[arrivals > 0].unique().numel() == 1
    followed = arrivals_of(sold(*zip(skus[::3], sorted(days)[::-1], strict=True)), skus, np.arange(300))
    assert followed[298] > 2 * followed[1]


def test_the_order_of_coming_counts_and_not_that_of_the_registry() -> None:
    skus = pd.Series([f"{number:03}" for number in range(300)])
    came = np.random.default_rng(1).permutation(300)
    first = int(came.argsort()[200])
    near, far = came.argsort()[[201, 20]]
    arrivals = arrivals_of(sold((skus[first], 0)), skus, came)
    assert arrivals[near] > 10 * arrivals[far]


def test_what_the_registry_has_gained_came_last() -> None:
    skus = pd.Series([f"{number:03}" for number in range(300)])
    arrivals = arrivals_of(sold(("299", 0)), skus, np.arange(290))
    assert arrivals[298] > 10 * arrivals[100]


def test_a_catalogue_sold_whole_has_no_arrivals() -> None:
    assert arrivals_of(sold(("a", 1), ("b", 2)), pd.Series(["a", "b"]), np.arange(2)).tolist() == [0, 0]


def test_without_a_sale_all_are_alike() -> None:
    assert arrivals_of(sold(), pd.Series(["a", "b"]), np.arange(2)).tolist() == [0.5, 0.5]
