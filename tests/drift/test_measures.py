import doctest
from datetime import date

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from rec_assets.drift import measures
from rec_assets.drift.measures import chance_distance, jensen_shannon, recent_window, shifted
from rec_assets.drift.mixes import Window, daily_counts
from rec_assets.errors import RegistryError
from rec_assets.features.price_tiers import price_tier, tier_bounds
from rec_assets.files import read_table, write_json, write_table
from rec_assets.params import Params

weights = st.lists(st.integers(0, 1000), min_size=2, max_size=8).filter(lambda values: sum(values) > 0)


def by_name(found):
    return {one.name: one for one in found}


def test_doctests_hold():
    assert doctest.testmod(measures).failed == 0


@given(st.data())
def test_equals_scipy_and_is_a_bounded_symmetric_distance(data):
    p = data.draw(weights)
    q = data.draw(
        st.lists(st.integers(0, 1000), min_size=len(p), max_size=len(p)).filter(lambda v: sum(v) > 0)
    )
    p, q = np.array(p, float), np.array(q, float)
    found = jensen_shannon(p, q)
    assert 0 <= found <= 1
    assert found == pytest.approx(jensen_shannon(q, p), abs=1e-12)
    assert found == pytest.approx(float(np.nan_to_num(jensenshannon(p, q, base=2))), abs=1e-6)
    assert jensen_shannon(p, 3 * p) == pytest.approx(0, abs=1e-6)


@given(st.data())
def test_triangle_inequality(data):
    size = data.draw(st.integers(2, 6))
    row = st.lists(st.integers(0, 50), min_size=size, max_size=size).filter(lambda v: sum(v) > 0)
    p, q, r = (np.array(data.draw(row), float) for _ in range(3))
    assert jensen_shannon(p, r) <= jensen_shannon(p, q) + jensen_shannon(q, r) + 1e-9


def test_a_mix_without_purchases_is_refused():
    with pytest.raises(ValueError, match="no distance"):
        jensen_shannon(np.zeros(3), np.ones(3))


def test_chance_shrinks_with_purchases():
    reference = pd.Series([5, 3, 2], index=list("abc"))
    assert chance_distance(reference, 20) > 5 * chance_distance(reference, 20_000)


def test_recent_weeks_never_reach_into_the_training_window():
    sold, reference = Window(date(2024, 1, 1), date(2024, 3, 31)), Window(date(2024, 1, 1), date(2024, 3, 20))
    assert recent_window(sold, reference, 28) == Window(date(2024, 3, 21), date(2024, 3, 31))
    assert recent_window(sold, reference, 7) == Window(date(2024, 3, 25), date(2024, 3, 31))


def test_a_new_fashion_shifts_category_and_colour(shop):
    found = by_name(shifted(shop(lambda day, i: "dress" if day >= 460 else "coat"), Params()))
    assert found["category"].shifted
    assert found["category"].distance == 1.0
    assert found["colour"].shifted
    assert not found["price_tier"].shifted


def test_an_unchanged_shop_has_not_shifted(shop):
    found = shifted(shop(lambda day, i: "dress" if i % 2 else "coat"), Params())
    assert [one.name for one in found] == ["category", "colour", "price_tier", "new_sku_share"]
    assert not any(one.shifted for one in found)


def test_a_season_that_comes_back_is_not_a_trend(shop):
    # Dresses sell from day 96 to 140 of every year: far from the yearly mix, equal to last year's weeks.
    found = by_name(shifted(shop(lambda day, i: "dress" if 96 <= day % 364 <= 140 else "coat"), Params()))
    assert found["category"].distance > found["category"].threshold
    assert found["category"].last_year == 0.0
    assert not found["category"].shifted


def test_the_share_of_new_skus_counts_arrivals_after_training(shop):
    found = by_name(shifted(shop(lambda day, i: f"new{i}" if day >= 455 and i < 7 else "coat"), Params()))
    assert found["new_sku_share"].distance == pytest.approx(0.7)
    assert found["new_sku_share"].shifted


def test_the_champions_training_window_is_the_reference(shop):
    workspace = shop(lambda day, i: "dress" if day >= 300 else "coat")
    assert by_name(shifted(workspace, Params()))["category"].distance < 0.9
    windows = {"validation_start": "2024-10-27"}
    champion = {"version": "abc", "previous": [], "windows": windows, "source": None}
    write_json(champion, workspace.registry / "champion.json")
    assert by_name(shifted(workspace, Params()))["category"].distance == 1.0


def test_missing_data_and_undated_splits_have_nothing_to_compare(shop, workspace):
    assert shifted(workspace, Params()) == []
    shop(lambda day, i: "coat", days=20, trained_days=10)
    write_json({"strategy": "leave_one_out", "validation_start": None}, workspace.splits / "windows.json")
    assert shifted(workspace, Params()) == []


def test_a_damaged_champion_is_said(shop):
    workspace = shop(lambda day, i: "coat", days=20, trained_days=10)
    workspace.registry.mkdir(parents=True)
    (workspace.registry / "champion.json").write_text('{"version": "ab')
    with pytest.raises(RegistryError, match="damaged"):
        shifted(workspace, Params())


def test_tiers_are_bounded_as_in_the_features(shop):
    """Prices on a bound, a category with one price, and prices of none: every purchase has the same tier."""
    prices = {"coat": [10.0, 10.0, 20.0, 30.0, 30.0], "dress": [15.0] * 5, "hat": [None, 5.0, 9.0, 9.0, 40.0]}
    workspace = shop(lambda day, i: ("coat", "dress", "hat")[day % 3], days=30)
    path = workspace.validated / "transactions.parquet"
    sold = read_table(path)
    places = sold.groupby("sku").cumcount() % 5
    sold["price"] = [prices[sku][place] for sku, place in zip(sold["sku"], places, strict=True)]
    write_table(sold.astype({"price": float}), path)

    counts = daily_counts(workspace.validated, Window(date(2024, 1, 1), date(2024, 1, 30)), (1 / 3, 2 / 3))

    articles = ibis.memtable(
        read_table(workspace.validated / "articles.parquet").fillna({"category": "unknown"})
    )
    purchases = ibis.memtable(read_table(path))
    described = purchases.join(articles.select("sku", "category"), "sku")
    bounded = described.join(tier_bounds(purchases, articles, (1 / 3, 2 / 3)), "category", how="left")
    expected = bounded.mutate(tier=price_tier(bounded["price"], bounded)).execute()["tier"].value_counts()
    found = counts[counts["dimension"] == "price_tier"].groupby("value")["purchases"].sum()
    assert set(found.index) == {"budget", "middle", "premium", "unknown"}
    assert found.to_dict() == expected.to_dict()
