import json
import time
from datetime import date

import numpy as np
import pandas as pd
import pytest

from rec_assets.errors import ParamsError
from rec_assets.files import content_hash
from rec_assets.params import Params, Synthetic
from rec_assets.sources.stage import run
from rec_assets.sources.synthetic import Retailer, generate
from rec_assets.workspace import Workspace

SMALL = Synthetic(customers=60, skus=120, months=4, start=date(2024, 7, 1), seed=7)


@pytest.fixture(scope="module")
def shop() -> Retailer:
    """The default retailer."""
    return generate(Synthetic())


@pytest.fixture(scope="module")
def sales(shop: Retailer) -> pd.DataFrame:
    """Purchases joined to the whole truth."""
    return (
        shop.purchase_truth.merge(shop.article_truth, on="sku")
        .merge(shop.customer_truth, on="customer_id", suffixes=("", "_of_customer"))
        .sort_values(["customer_id", "timestamp"], ignore_index=True)
    )


def relations(shop: Retailer, kind: str) -> list[dict]:
    return [relation for relation in shop.relations if relation["kind"] == kind]


def test_default_size(shop: Retailer):
    transactions = shop.transactions
    assert (len(shop.customers), len(shop.articles)) == (3000, 1500)
    assert 38_000 < len(transactions) < 52_000
    assert transactions["timestamp"].min() >= pd.Timestamp("2024-07-01")
    assert transactions["timestamp"].max() < pd.Timestamp("2026-01-01")
    newest = transactions[transactions["timestamp"] >= pd.Timestamp("2025-12-04")]
    assert newest["customer_id"].nunique() >= 1500
    per_customer = transactions.groupby("customer_id").size()
    assert per_customer.max() > 6 * per_customer.median()  # a long tail
    assert transactions.duplicated(["customer_id", "timestamp"]).mean() > 0.3  # several articles a basket


def test_seed_decides_everything():
    first, again = generate(SMALL), generate(SMALL)
    other = generate(SMALL.model_copy(update={"seed": 8}))
    pd.testing.assert_frame_equal(first.transactions, again.transactions)
    pd.testing.assert_frame_equal(first.articles, again.articles)
    pd.testing.assert_frame_equal(first.customers, again.customers)
    assert not first.transactions.equals(other.transactions)


def test_small_shop_is_made_in_a_moment():
    began = time.perf_counter()
    generate(SMALL)
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("customers", [1, 40])
@pytest.mark.parametrize("skus", [1, 5, 30])
def test_any_size_sells(customers: int, skus: int):
    shop = generate(Synthetic(customers=customers, skus=skus, months=3))
    assert (len(shop.customers), len(shop.articles)) == (customers, skus)
    assert shop.transactions["sku"].isin(shop.articles["sku"]).all()


def test_nothing_is_sold_before_it_arrives_or_after_it_left(sales: pd.DataFrame):
    day = sales["timestamp"].dt.normalize()
    assert (day >= sales["introduced"]).all()
    assert not (day >= sales["retired"]).any()
    assert (day >= sales["registered"]).all()


def test_references_and_missing_attributes(shop: Retailer):
    assert shop.transactions["sku"].isin(shop.articles["sku"]).all()
    assert shop.transactions["customer_id"].isin(shop.customers["customer_id"]).all()
    assert shop.articles["sku"].is_unique
    assert shop.customers["customer_id"].is_unique
    for column in ("age", "country", "gender"):
        assert 0.01 < shop.customers[column].isna().mean() < 0.15
    assert len(set(shop.customers["customer_id"]) - set(shop.transactions["customer_id"])) > 10
    assert 0 < (~shop.articles["available"]).mean() < 0.15


def test_titles_betray_what_customers_like(shop: Retailer):
    joined = shop.articles.merge(shop.article_truth[["sku", "style", "tier"]], on="sku")
    per_fit = joined.groupby("fit")["style"].nunique()
    assert (per_fit == 1).all()
    assert all(row.fit in row.title and row.colour in row.title for row in joined.itertuples())
    premium = joined["tier"] == "premium"
    assert joined.loc[premium, "title"].str.startswith("Atelier").all()
    assert joined["description"].str.contains("collection").all()


def test_about_half_of_the_catalogue_arrives_week_by_week(shop: Retailer):
    arrived = shop.articles[shop.articles["introduced"] >= pd.Timestamp("2024-07-01")]
    assert 0.4 < len(arrived) / len(shop.articles) < 0.6
    weeks = arrived["introduced"].drop_duplicates().sort_values()
    assert (weeks.dt.dayofweek == 0).all()
    assert weeks.diff().dropna().dt.days.max() == 7


def test_seasons_are_followed(shop: Retailer, sales: pd.DataFrame):
    month = sales["timestamp"].dt.month
    for relation in relations(shop, "season"):
        mine = sales["category"].isin(relation["categories"])
        season = month.isin(relation["months"])
        assert mine[season].mean() > 2.5 * mine[~season].mean()


def test_complements_follow_their_trigger(shop: Retailer, sales: pd.DataFrame):
    for relation in relations(shop, "complement"):
        triggers = sales[sales["category"] == relation["trigger_category"]]
        answers = sales[sales["category"] == relation["complement_category"]]
        pairs = triggers.merge(answers, on="customer_id", suffixes=("", "_after"))
        gap = (pairs["timestamp_after"].dt.normalize() - pairs["timestamp"].dt.normalize()).dt.days
        window = relation["days"]
        after = pairs[(gap >= 1) & (gap <= window)]
        before = pairs[(gap <= -1) & (gap >= -window)]
        assert len(after) > 2 * len(before)
        followed = after[["customer_id", "sku", "timestamp"]].drop_duplicates()
        assert len(followed) / len(triggers) > 0.8 * relation["probability"]


def test_segments_keep_to_their_tiers(shop: Retailer, sales: pd.DataFrame):
    tastes = sales[sales["reason"] == "taste"]
    for relation in relations(shop, "price_tier"):
        tiers = tastes.loc[tastes["segment"] == relation["segment"], "tier"].value_counts(normalize=True)
        assert tiers.idxmax() == relation["tier"]
        assert tiers[relation["tier"]] == pytest.approx(relation["weights"][relation["tier"]], abs=0.15)


def test_departments_follow_gender_and_families(shop: Retailer, sales: pd.DataFrame):
    for relation in relations(shop, "department"):
        if "gender" in relation:
            mine = sales[
                (sales["gender"] == relation["gender"])
                & (sales["segment"] != "families")
                & (sales["reason"] == "taste")
            ]
        else:
            mine = sales[(sales["segment"] == relation["segment"]) & (sales["reason"] == "taste")]
        share = (mine["department"] == relation["department"]).mean()
        assert share == pytest.approx(relation["probability"], abs=0.05)


def test_basics_are_bought_again(shop: Retailer, sales: pd.DataFrame):
    (relation,) = relations(shop, "repeat")
    again = sales.duplicated(["customer_id", "sku"])
    basic = sales["category"].isin(relation["categories"])
    assert again[basic].mean() > 0.25
    assert again[~basic].mean() < 0.12


def test_trends_shift_at_their_dates(shop: Retailer, sales: pd.DataFrame):
    for relation in relations(shop, "trend"):
        column = "category" if "category" in relation else "colour"
        mine = (sales[column] == relation[column]) & (sales["reason"] != "repeat")
        start = pd.Timestamp(relation["from"])
        window = pd.Timedelta(days=84)
        when = sales["timestamp"]
        before = mine[(when >= start - window) & (when < start)].mean()
        after = mine[(when >= start) & (when < start + window)].mean()
        shift = np.log(after / before) / np.log(relation["multiplier"])
        assert shift > 0.25, relation


def test_new_arrivals_sell(shop: Retailer, sales: pd.DataFrame):
    age = (sales["timestamp"] - sales["introduced"]).dt.days
    arrived = sales["introduced"] >= pd.Timestamp("2024-07-01")
    first_month = (arrived & (age < 28)).sum()
    third_month = (arrived & (age >= 56) & (age < 84)).sum()
    assert first_month > 1.5 * third_month


def test_until_shows_the_shop_as_it_was(shop: Retailer):
    morning = pd.Timestamp("2025-06-01")
    then = shop.until(date(2025, 6, 1))
    expected = shop.transactions[shop.transactions["timestamp"] < morning].reset_index(drop=True)
    pd.testing.assert_frame_equal(then.transactions, expected)
    assert then.articles["introduced"].max() < morning
    assert len(then.articles) < len(shop.articles)
    assert (
        then.articles["available"].sum()
        > shop.articles.loc[shop.articles["introduced"] < morning, "available"].sum()
    )
    assert set(then.transactions["customer_id"]) <= set(then.customers["customer_id"])
    with pytest.raises(ParamsError, match="Nothing was sold before 2024-07-01"):
        shop.until(date(2024, 7, 1))


def test_stage_writes_tables_and_truth_reproducibly(workspace: Workspace):
    params = Params.model_validate({"source": {"kind": "synthetic", "synthetic": SMALL.model_dump()}})
    report = run(workspace, params)
    first = content_hash(workspace.raw)
    assert report.rows["customers"] == 60
    assert set(report.tables) == {"transactions", "customers", "articles"}
    kinds = {entry["kind"] for entry in json.loads((workspace.truth / "relations.json").read_text())}
    assert kinds == {"season", "complement", "price_tier", "department", "repeat", "trend", "new_arrivals"}
    assert {path.name for path in workspace.truth.iterdir()} == {
        ".keep",
        "relations.json",
        "customers.parquet",
        "articles.parquet",
        "purchases.parquet",
    }
    run(workspace, params)
    assert content_hash(workspace.raw) == first
