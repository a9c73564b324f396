import numpy as np
import pandas as pd
import pytest

from rec_assets.errors import TableError
from rec_assets.evaluation.discovered import discover
from rec_assets.evaluation.holdout import Holdout, read_holdout
from rec_assets.evaluation.lists import read_lists
from rec_assets.evaluation.planted import planted
from rec_assets.evaluation.relations import Relation, best_sellers, measure, of_articles, verdict
from rec_assets.files import read_table, write_json, write_table
from rec_assets.workspace import Workspace

PLANTED = [
    {"kind": "season", "name": "winter garments", "categories": ["Coats", "Knitwear"], "months": [11, 12]},
    {
        "kind": "complement",
        "name": "Belts → Trousers",
        "trigger_category": "Belts",
        "complement_category": "Trousers",
        "days": 60,
    },
    {"kind": "price_tier", "name": "students buy budget", "segment": "students", "tier": "budget"},
    {"kind": "department", "name": "male customers buy men", "gender": "male", "department": "MEN"},
    {"kind": "department", "name": "students buy women", "segment": "students", "department": "women"},
    {"kind": "repeat", "name": "belts again", "categories": ["Belts"], "days": [10, 90]},
    {"kind": "trend", "name": "red rises", "colour": "red", "from": "2024-06-01"},
    {"kind": "trend", "name": "black rises", "colour": "black", "from": "2025-06-01"},
    {"kind": "new_arrivals", "name": "new arrivals sell", "days": 90},
]


@pytest.fixture
def holdout(holdout_workspace: Workspace) -> Holdout:
    return read_holdout(holdout_workspace, None, 7)


def state(workspace: Workspace, relations: list[dict]) -> None:
    write_json(relations, workspace.truth / "relations.json")
    customers = read_table(workspace.behaviour / "customers.parquet")[["customer_id", "gender"]]
    write_table(customers.assign(segment="students"), workspace.truth / "customers.parquet")


def test_every_planted_kind_is_measured(holdout_workspace: Workspace, holdout: Holdout) -> None:
    state(holdout_workspace, PLANTED)
    lists, _ = read_lists(holdout_workspace.holdout_rankings / "couturier.parquet", "couturier", holdout)
    table = measure(planted(holdout_workspace.truth, holdout), lists, holdout, 10).set_index("relation")
    assert "winter garments in November" in table.index
    assert "winter garments in December" in table.index
    assert "red rises" in table.index
    assert "black rises" not in table.index  # begins after as_of: nobody could know
    bought = holdout.purchases.join(
        holdout.articles[["category", "colour"]].reset_index(), on="article", rsuffix="_"
    )
    assert table.loc["red rises", "expected"] == pytest.approx((bought["colour"] == "red").mean())
    november = bought[bought["month"] == "2024-11"]["customer"].unique()
    worn = bought[bought["customer"].isin(november)]["category"].isin(["Coats", "Knitwear"])
    assert table.loc["winter garments in November", "expected"] == pytest.approx(worn.mean())
    assert table[["expected", "model", "popularity"]].stack().between(0, 1).all()


def test_an_unknown_kind_is_an_error(holdout_workspace: Workspace, holdout: Holdout) -> None:
    state(holdout_workspace, [{"kind": "weather", "name": "rain"}])
    with pytest.raises(TableError, match="weather"):
        planted(holdout_workspace.truth, holdout)


def test_discovery_looks_at_the_past_only(holdout_workspace: Workspace, holdout: Holdout) -> None:
    names = [relation.name for relation in discover(holdout)]
    assert {relation.kind for relation in discover(holdout)} >= {"repeat", "price_tier"}
    path = holdout_workspace.splits / "test.parquet"
    other = read_table(path)
    write_table(other.assign(sku=np.roll(other["sku"].to_numpy(), 5)), path)
    assert [relation.name for relation in discover(read_holdout(holdout_workspace, None, 7))] == names


def test_the_model_that_repeats_follows_repeats(holdout_workspace: Workspace, holdout: Holdout) -> None:
    lists, _ = read_lists(holdout_workspace.baseline_rankings / "repeat.parquet", "repeat", holdout)
    table = measure(discover(holdout), lists, holdout, 10).set_index("relation")
    assert table.loc["articles bought before", "model"] == 1
    assert table.loc["articles bought before", "verdict"] == "followed"


def test_best_sellers_know_nothing_of_what_sold_out_later(holdout: Holdout) -> None:
    top = best_sellers(holdout, 5)
    holdout.articles.iloc[top[0], holdout.articles.columns.get_loc("available")] = False
    assert best_sellers(holdout, 5).tolist() == top.tolist()
    purchases = holdout.articles["purchases"].to_numpy()[top]
    assert (np.diff(purchases) <= 0).all()


def test_a_relation_without_buyers_is_left_out(holdout_workspace: Workspace, holdout: Holdout) -> None:
    lists, _ = read_lists(holdout_workspace.holdout_rankings / "couturier.parquet", "couturier", holdout)
    nobody = np.zeros(len(holdout.customers), dtype=bool)
    everything = of_articles(np.ones(len(holdout.articles), dtype=bool))
    assert measure([Relation("trend", "nobody", nobody, everything)], lists, holdout, 10).empty


@pytest.mark.parametrize(
    ("expected", "model", "popular", "purchases", "judged"),
    [
        (0.4, 0.26, 0.1, 500, "followed"),
        (0.4, 0.9, 0.1, 500, "followed"),
        (0.4, 0.17, 0.1, 500, "partly"),
        (0.4, 0.1, 0.1, 500, "not followed"),
        (0.1, 0.2, 0.4, 500, "followed"),
        (0.1, 0.5, 0.4, 500, "not followed"),
        (0.10, 0.12, 0.11, 500, "followed"),
        (0.10, 0.19, 0.11, 500, "partly"),
        (0.10, 0.40, 0.11, 500, "not followed"),
        (0.02, 0.06, 0.0, 48, "followed"),  # one purchase of 48: no proof of a relation
        (0.02, 0.09, 0.0, 48, "partly"),
        (0.4, 0.4, 0.1, 9, "too few to tell"),
    ],
)
def test_the_rule(expected: float, model: float, popular: float, purchases: int, judged: str) -> None:
    assert verdict(expected, model, popular, purchases) == judged


def test_repeats_count_the_customers_own_past(holdout: Holdout) -> None:
    before = holdout.before[["customer_id", "sku"]].drop_duplicates()
    test = holdout.purchases[["customer_id", "sku", "seen"]]
    merged = test.merge(before.assign(truth=True), on=["customer_id", "sku"], how="left")
    pd.testing.assert_series_equal(
        merged["truth"].notna().rename("seen"), test["seen"].reset_index(drop=True), check_names=False
    )
