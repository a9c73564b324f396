import json
from pathlib import Path

import pandas as pd
import pytest

from rec_assets.errors import TableError
from rec_assets.params import Params
from rec_assets.sources.amazon import category_path
from rec_assets.sources.stage import run
from rec_assets.workspace import Workspace


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "beauty"
    folder.mkdir()
    pd.DataFrame(
        {"user_id": ["u2", "u1", "u1"], "item_id": ["B1", "B2", "B1"], "position": [0, 1, 0]}
    ).to_parquet(folder / "interactions.parquet")
    pd.DataFrame(
        {
            "item_id": ["B1", "B2"],
            "title": ["Rouge", None],
            "brand": [None, "COKA"],
            "categories": ["'Beauty', 'Makeup', 'Lips', 'Lipstick'", "'Beauty', 'Fragrance', \"Women's\""],
            "price": [5.5, None],
        }
    ).to_parquet(folder / "items.parquet")
    return folder


def read(workspace: Workspace, path: Path) -> dict[str, pd.DataFrame]:
    run(workspace, Params.model_validate({"source": {"kind": "amazon", "path": str(path)}}))
    return {
        name: pd.read_parquet(workspace.raw / f"{name}.parquet")
        for name in ("transactions", "customers", "articles")
    }


def test_position_becomes_a_day_and_the_item_gives_the_price(workspace: Workspace, files: Path):
    tables = read(workspace, files)
    transactions = tables["transactions"]
    assert transactions["customer_id"].tolist() == ["u1", "u1", "u2"]
    assert transactions["sku"].tolist() == ["B1", "B2", "B1"]
    assert transactions["timestamp"].dt.strftime("%Y-%m-%d").tolist() == [
        "1970-01-01",
        "1970-01-02",
        "1970-01-01",
    ]
    assert transactions["price"].tolist()[0] == 5.5
    assert transactions["price"].isna().tolist() == [False, True, False]
    assert tables["customers"]["customer_id"].tolist() == ["u1", "u2"]
    assert json.loads((workspace.raw / "source.json").read_text())["time"] == "order"


def test_items_keep_their_place_and_levels_become_groups(workspace: Workspace, files: Path):
    articles = read(workspace, files)["articles"]
    assert articles["title"].tolist() == ["Rouge", "unknown"]
    assert articles["department"].tolist() == ["Makeup", "Fragrance"]
    assert articles["category"].tolist() == ["Lips", "Women's"]
    assert articles["product_type"].tolist() == ["Lipstick", "Women's"]
    assert articles["brand"].tolist() == [None, "COKA"]
    assert articles["available"].all()


@pytest.mark.parametrize("written", [None, "", float("nan")])
def test_missing_category_path_is_empty(written: object):
    assert category_path(written) == []


def test_unquoted_category_path_is_split_at_commas():
    assert category_path("Beauty, Makeup") == ["Beauty", "Makeup"]


@pytest.mark.parametrize("written", ["{[]:1}", "(" * 5000, "a\x00b", "**{}"])
def test_a_path_that_is_no_list_is_one_level(written: str):
    assert category_path(written) == [written.strip("[]")]


def test_a_position_that_is_no_place_in_a_history_stays_for_validation(workspace: Workspace, files: Path):
    interactions = pd.read_parquet(files / "interactions.parquet")
    for beyond, written in ((1_735_689_600, "1735689600"), (1e300, "1e+300")):
        interactions.assign(position=[0, beyond, 0]).to_parquet(files / "interactions.parquet")
        transactions = read(workspace, files)["transactions"]
        assert sorted(transactions["timestamp"]) == sorted(["1970-01-01 00:00:00"] * 2 + [written])


def test_numeric_ids_with_gaps_do_not_become_fractions(workspace: Workspace, files: Path):
    pd.DataFrame({"user_id": [2.0, None, 1.0], "item_id": [7.0, 8.0, 7.0], "position": [0, 0, 1]}).to_parquet(
        files / "interactions.parquet"
    )
    items = pd.read_parquet(files / "items.parquet")
    items.assign(item_id=[7.0, 8.0]).to_parquet(files / "items.parquet")
    tables = read(workspace, files)
    assert tables["transactions"]["customer_id"].tolist() == ["1", "2", None]
    assert tables["transactions"]["sku"].tolist() == ["7", "7", "8"]
    assert tables["transactions"]["price"].tolist()[:2] == [5.5, 5.5]
    assert tables["articles"]["sku"].tolist() == ["7", "8"]


def test_a_damaged_page_is_named(workspace: Workspace, files: Path):
    many = pd.DataFrame(
        {"item_id": [f"B{i}" for i in range(2000)], "title": "x", "categories": "a", "price": 1.0}
    )
    many.to_parquet(files / "items.parquet")
    damaged = bytearray((files / "items.parquet").read_bytes())
    damaged[100:160] = b"\xff" * 60
    (files / "items.parquet").write_bytes(damaged)
    with pytest.raises(TableError, match=r"items\.parquet could not be read.* Copy the file again"):
        read(workspace, files)


def test_bad_files_are_named(workspace: Workspace, files: Path):
    interactions = pd.read_parquet(files / "interactions.parquet")
    interactions.assign(position="first").to_parquet(files / "interactions.parquet")
    with pytest.raises(TableError, match=r"none of the 3 values of column 'position'.*from 0"):
        read(workspace, files)
    interactions.drop(columns="position").to_parquet(files / "interactions.parquet")
    with pytest.raises(TableError, match=r"interactions\.parquet has no column 'position' for 'timestamp'"):
        read(workspace, files)
    interactions.iloc[:0].to_parquet(files / "interactions.parquet")
    with pytest.raises(TableError, match=r"interactions\.parquet holds no rows"):
        read(workspace, files)
    (files / "interactions.parquet").unlink()
    with pytest.raises(TableError, match=r"has no interactions\.parquet"):
        read(workspace, files)


@pytest.mark.shared
def test_real_beauty_is_kept_whole(workspace: Workspace, shared_data: Path):
    tables = read(workspace, shared_data / "amazon_beauty")
    transactions, articles = tables["transactions"], tables["articles"]
    assert (len(transactions), len(tables["customers"]), len(articles)) == (198_502, 22_363, 12_101)
    assert transactions["sku"].isin(articles["sku"]).all()
    assert (articles["title"] == "unknown").sum() == 7
    days = transactions.groupby("customer_id")["timestamp"]
    assert (days.max() - days.min()).dt.days.add(1).equals(days.size())  # positions 0, 1, 2, ...
    assert 20 <= articles["category"].nunique() <= 60
