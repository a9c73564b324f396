"""The stage: what lies on disk afterwards."""

from pathlib import Path

import pandas as pd
import pytest

from rec_assets.baselines.data import read_purchases
from rec_assets.baselines.models import MODELS
from rec_assets.baselines.stage import run
from rec_assets.errors import ParamsError, TableError
from rec_assets.files import content_hash, read_json, write_json, write_table
from rec_assets.params import Params
from rec_assets.workspace import Workspace

DEPTH = 12
QUICK = ("popular", "repeat", "title_knn", "item_knn")


def choose(*models: str) -> Params:
    return Params.model_validate(
        {
            "run": {"threads": 1},
            "ranking": {"depth": DEPTH},
            "baselines": {"models": models, "sequential_epochs": 2, "sequential_width": 8},
        }
    )


@pytest.fixture
def everything(features: Workspace) -> Path:
    """The stage's folder after all baselines have run."""
    run(features, choose(*MODELS))
    return features.baseline_rankings


def test_every_model_ranks_every_test_customer_twice(features: Workspace, everything: Path) -> None:
    test = set(pd.read_parquet(features.splits / "test.parquet")["customer_id"])
    events = pd.read_parquet(features.behaviour / "events.parquet")
    before = events[events["split"] != "test"]
    bought = set(zip(before["customer_id"], before["sku"], strict=True))
    assert sorted(path.stem for path in everything.glob("*.parquet")) == sorted(MODELS)
    for file in everything.glob("*.parquet"):
        lists = pd.read_parquet(file)
        assert list(lists.columns) == ["customer_id", "sku", "rank", "score", "masked"]
        assert (lists["rank"].dtype, lists["score"].dtype, lists["masked"].dtype) == (
            "int16",
            "float32",
            "bool",
        )
        assert set(lists["customer_id"]) == test
        assert lists.equals(lists.sort_values(["customer_id", "masked", "rank"], ignore_index=True))
        for (customer, masked), one in lists.groupby(["customer_id", "masked"]):
            assert one["rank"].tolist() == list(range(1, len(one) + 1))
            assert one["sku"].is_unique
            assert one["score"].is_monotonic_decreasing
            unseen = [(customer, sku) not in bought for sku in one["sku"]]
            assert all(unseen) or not masked
            catalogue = 30 - len({sku for c, sku in bought if c == customer} if masked else ())
            assert len(one) == min(DEPTH, catalogue)


def test_the_cold_customer_gets_the_popular_list_from_every_model(everything: Path) -> None:
    popular = pd.read_parquet(everything / "popular.parquet").query("customer_id == 'C999' and not masked")[
        "sku"
    ]
    for name in set(MODELS) - {"recently_popular"}:
        lists = pd.read_parquet(everything / f"{name}.parquet")
        assert lists.query("customer_id == 'C999' and not masked")["sku"].tolist() == popular.tolist()


def test_the_same_seed_gives_the_same_bytes(features: Workspace, everything: Path) -> None:
    first = content_hash(everything)
    run(features, choose(*MODELS))
    assert content_hash(everything) == first


def test_nothing_in_the_test_window_moves_a_list(features: Workspace, everything: Path) -> None:
    first = content_hash(everything)
    path = features.behaviour / "events.parquet"
    events = pd.read_parquet(path)
    after = events["split"] == "test"
    write_table(events.assign(sku=events["sku"].mask(after, "SKU0029")), path)
    run(features, choose(*MODELS))
    assert content_hash(everything) == first


def test_models_left_out_are_named_with_their_reason(features: Workspace) -> None:
    windows = features.splits / "windows.json"
    write_json({"strategy": "leave_one_out", "as_of": None}, windows)
    report = run(features, choose("popular", "recently_popular"))
    assert report.tables["left out"]["model"].tolist() == ["recently_popular"]
    summary = read_json(features.baseline_rankings / "summary.json")
    assert list(summary["skipped"]) == ["recently_popular"]
    assert not (features.baseline_rankings / "recently_popular.parquet").exists()


def test_the_report_counts_rows_and_filled_places(features: Workspace) -> None:
    report = run(features, choose(*QUICK))
    table = report.tables["baselines"].set_index("model")
    assert table.loc["popular", "filled by popularity"] == "0.0%"
    assert table.loc["repeat", "filled by popularity"] != "0.0%"
    for name in QUICK:
        assert report.rows[name] == len(pd.read_parquet(features.baseline_rankings / f"{name}.parquet"))
    assert "1 of them without history" in report.summary


def test_an_unknown_model_is_named(features: Workspace) -> None:
    with pytest.raises(ParamsError, match=r"'svd'.*Choose from: popular"):
        run(features, choose("popular", "svd"))


def test_no_purchase_before_the_cut_off_is_said(features: Workspace) -> None:
    path = features.behaviour / "events.parquet"
    write_table(pd.read_parquet(path).assign(split="test"), path)
    with pytest.raises(TableError, match="no purchase before as_of"):
        run(features, choose("popular"))


def test_a_purchase_outside_the_catalogue_is_said(features: Workspace) -> None:
    path = features.behaviour / "events.parquet"
    events = pd.read_parquet(path)
    events.loc[0, "sku"] = "NOWHERE"
    write_table(events, path)
    with pytest.raises(TableError, match=r"1 purchases of SKUs.*'NOWHERE'"):
        read_purchases(features)


def test_a_failed_run_leaves_the_old_lists(features: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    run(features, choose("popular"))
    before = content_hash(features.baseline_rankings)
    monkeypatch.setattr("rec_assets.baselines.rules.Repeat._score", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(features, choose("popular", "repeat"))
    assert content_hash(features.baseline_rankings) == before
    assert [path.name for path in features.baseline_rankings.parent.iterdir()] == ["baselines"]
