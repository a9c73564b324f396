"""Behaviour: sequences, tiers and attributes worked out by hand on a few rows."""

import pandas as pd
import pytest

from rec_assets.evaluation import splits
from rec_assets.features import behaviour
from rec_assets.files import content_hash, read_table, write_json, write_table
from rec_assets.params import Params
from rec_assets.workspace import Workspace

WINDOWS = {"splits": {"as_of": "2024-03-01", "validation_days": 10, "test_days": 10}}


def shop(
    workspace: Workspace,
    purchases: list[tuple[str, str, str, float | None]],
    customers: pd.DataFrame,
    articles: pd.DataFrame,
    time: str = "date",
) -> Workspace:
    frame = pd.DataFrame(purchases, columns=["customer_id", "sku", "timestamp", "price"])
    frame["timestamp"] = pd.to_datetime(frame["timestamp"]).astype("datetime64[us]")
    frame["price"] = frame["price"].astype("float64")
    write_table(frame.assign(channel="store"), workspace.validated / "transactions.parquet")
    write_table(customers, workspace.validated / "customers.parquet")
    blank = {"description": None, "category": None, "colour": None, "department": None}
    full = articles.assign(**{name: blank[name] for name in blank if name not in articles})
    full["introduced"] = pd.Series([pd.NaT] * len(full), dtype="datetime64[us]")
    if "available" not in full:
        full["available"] = True
    write_table(full.assign(title="x"), workspace.validated / "articles.parquet")
    write_json({"kind": "table", "time": time}, workspace.raw / "source.json")
    return workspace


def people(**columns: list[object]) -> pd.DataFrame:
    length = len(columns["customer_id"])
    empty = {name: [None] * length for name in ("age", "country", "gender")}
    return pd.DataFrame({**empty, **columns})


def made(workspace: Workspace, params: dict[str, object]) -> dict[str, pd.DataFrame]:
    loaded = Params.model_validate(params)
    splits.run(workspace, loaded)
    behaviour.run(workspace, loaded)
    names = ("events", "articles", "customers")
    return {name: read_table(workspace.behaviour / f"{name}.parquet") for name in names}


@pytest.fixture
def small(workspace: Workspace) -> Workspace:
    purchases = [
        ("C1", "A", "2024-01-01", 10.0),
        ("C1", "B", "2024-01-01", 20.0),
        ("C2", "C", "2024-01-05", 30.0),
        ("C1", "A", "2024-02-25", 12.0),
        ("C1", "B", "2024-03-02", 999.0),
        ("C3", "A", "2024-03-03", 999.0),
    ]
    customers = people(
        customer_id=["C1", "C2", "C9"],
        age=[19.0, 45.0, None],
        gender=["female", None, " "],
        club=["gold", None, "none"],
        segment=["vip", None, None],
    )
    articles = pd.DataFrame(
        {
            "sku": ["B", "A", "C", "D"],
            "category": ["Tops", "Tops", "Tops", None],
            "available": [True, None, False, True],
        }
    )
    return shop(workspace, purchases, customers, articles)


def test_events_are_each_customers_sequence(small: Workspace) -> None:
    events = made(small, WINDOWS)["events"]

    assert events[["customer_id", "sku", "position", "split", "season"]].to_numpy().tolist() == [
        ["C1", "A", 0, "train", "winter"],
        ["C1", "B", 1, "train", "winter"],
        ["C1", "A", 2, "validation", "winter"],
        ["C1", "B", 3, "test", "spring"],
        ["C2", "C", 0, "train", "winter"],
        ["C3", "A", 0, "test", "spring"],
    ]
    assert events["gap_days"].fillna(-1).tolist() == [-1, 0, 55, 6, -1, -1]


def test_a_missing_channel_is_unknown(small: Workspace) -> None:
    path = small.validated / "transactions.parquet"
    write_table(read_table(path).assign(channel=["store", None, " ", "online", None, "store"]), path)
    events = made(small, WINDOWS)["events"]
    assert events["channel"].tolist() == ["store", "unknown", "online", "unknown", "unknown", "store"]


def test_articles_know_only_purchases_before_as_of(small: Workspace) -> None:
    articles = made(small, WINDOWS)["articles"].set_index("sku")

    assert articles.index.tolist() == ["A", "B", "C", "D"]
    assert articles["price"].fillna(-1).tolist() == [11.0, 20.0, 30.0, -1]
    # Prices paid in Tops before as_of: 10, 12, 20, 30; a third lies below 11.98, two thirds below 20.1.
    assert articles["price_tier"].tolist() == ["budget", "middle", "premium", "unknown"]
    assert articles["purchases"].tolist() == [2, 1, 1, 0]
    assert articles["train_purchases"].tolist() == [1, 1, 1, 0]
    assert articles.loc["A", "first_seen"] == pd.Timestamp("2024-01-01")
    assert pd.isna(articles.loc["D", "first_seen"])
    assert articles["available"].tolist() == [True, True, False, True]
    assert articles.loc["D", "category"] == "unknown"
    assert set(articles["colour"]) == {"unknown"}


def test_customers_are_described_and_missing_is_unknown(small: Workspace) -> None:
    customers = made(small, WINDOWS)["customers"].set_index("customer_id")

    assert customers.index.tolist() == ["C1", "C2", "C3", "C9"]
    assert customers["age_band"].tolist() == ["under 20", "40s", "unknown", "unknown"]
    assert customers["gender"].tolist() == ["female", "unknown", "unknown", "unknown"]
    assert customers["segment"].tolist()[:2] == ["under 20, female", "40s, unknown"]
    # C1 paid 10 (budget), 20 (middle), 12 (middle) before as_of: a mean of 2/3 is no longer low.
    assert customers["purchasing_power"].tolist() == ["medium", "high", "unknown", "unknown"]
    assert customers["purchases"].tolist() == [3, 1, 0, 0]
    assert customers["club"].tolist() == ["gold", "unknown", "unknown", "none"]
    assert customers["segment_given"].tolist() == ["vip", "unknown", "unknown", "unknown"]


def test_an_unpriced_purchase_has_its_articles_tier(workspace: Workspace) -> None:
    purchases = [
        ("C1", "A", "2024-01-01", 10.0),
        ("C1", "B", "2024-01-02", 50.0),
        ("C1", "B", "2024-01-03", None),
        ("C1", "N", "2024-01-04", None),
        ("C1", "A", "2024-02-25", None),
        ("C1", "A", "2024-03-02", None),
    ]
    articles = pd.DataFrame({"sku": ["A", "B", "N"], "category": ["Tops", "Tops", "Hats"]})
    shop(workspace, purchases, people(customer_id=["C1"]), articles)

    found = made(workspace, WINDOWS)

    tiers = ["budget", "premium", "premium", "unknown", "budget", "budget"]
    assert found["events"]["price_tier"].tolist() == tiers
    strict = made(workspace, {**WINDOWS, "behaviour": {"min_prices": 2}})
    assert strict["articles"]["price_tier"].tolist() == ["unknown", "unknown", "unknown"]
    assert strict["articles"]["price"].tolist()[:2] == [10.0, 50.0]


def test_one_item_at_one_price_is_the_middle(workspace: Workspace) -> None:
    days = ["2024-01-01", "2024-02-25", "2024-03-02"]
    shop(
        workspace,
        [("C1", "A", day, 5.0) for day in days],
        people(customer_id=["C1"]),
        pd.DataFrame({"sku": ["A"], "category": ["Tops"]}),
    )
    found = made(workspace, WINDOWS)
    assert found["articles"]["price_tier"].tolist() == ["middle"]
    assert found["events"]["price_tier"].tolist() == ["middle"] * 3


def test_order_without_dates_has_no_gaps_and_no_seasons(workspace: Workspace) -> None:
    rows = [("C1", sku, f"1970-01-0{i}", None) for i, sku in enumerate("ABCA", start=1)]
    articles = pd.DataFrame({"sku": ["A", "B", "C"]})
    shop(workspace, rows, people(customer_id=["C1"]), articles, time="order")

    events = made(workspace, {"splits": {"strategy": "leave_one_out"}})["events"]

    assert events["sku"].tolist() == ["A", "B", "C", "A"]
    assert events["split"].tolist() == ["train", "train", "validation", "test"]
    assert events["gap_days"].isna().all()
    assert set(events["season"]) == {"unknown"}


def test_a_tie_cut_by_leave_one_out_keeps_its_order(workspace: Workspace) -> None:
    rows = [("C1", sku, "2024-01-01", 1.0) for sku in "DACB"]
    shop(workspace, rows, people(customer_id=["C1"]), pd.DataFrame({"sku": list("ABCD")}))
    events = made(workspace, {"splits": {"strategy": "leave_one_out"}})["events"]
    assert events["sku"].tolist() == list("DACB")
    assert events["split"].tolist() == ["train", "train", "validation", "test"]


def test_equal_inputs_give_equal_bytes(small: Workspace) -> None:
    made(small, WINDOWS)
    first = content_hash(small.behaviour)
    made(small, WINDOWS)
    assert content_hash(small.behaviour) == first


def test_a_customer_with_ten_thousand_purchases(workspace: Workspace) -> None:
    days = pd.date_range("2023-01-10", periods=10_000, freq="h").astype(str)
    rows = [("whale", "AB"[i % 2], day, 1.0) for i, day in enumerate(days)]
    shop(workspace, rows, people(customer_id=["whale"]), pd.DataFrame({"sku": ["A", "B"]}))
    events = made(workspace, {})["events"]
    assert events["position"].tolist() == list(range(10_000))
