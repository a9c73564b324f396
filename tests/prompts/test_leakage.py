"""Nothing at or after ``as_of`` reaches texts, features, or the prompts that predict it."""

from collections.abc import Callable

import pandas as pd
import pytest

from rec_assets.evaluation import splits
from rec_assets.features import behaviour, item_texts
from rec_assets.files import read_json, read_table, write_table
from rec_assets.params import Params
from rec_assets.prompts import stage
from rec_assets.workspace import Workspace

AS_OF = pd.Timestamp("2024-12-01")
PARAMS = Params.model_validate(
    {"splits": {"as_of": "2024-12-01", "test_days": 31}, "prompts": {"history": 5}}
)


def outcome(workspace: Workspace, params: Params = PARAMS) -> dict[str, pd.DataFrame]:
    """Everything a model may learn from or be asked with, before as_of."""
    for step in (splits.run, item_texts.run, behaviour.run, stage.run):
        step(workspace, params)
    events = read_table(workspace.behaviour / "events.parquet")
    test = read_table(workspace.prompts / "test.parquet").drop(columns="targets")
    return {
        "train split": read_table(workspace.splits / "train.parquet"),
        "validation split": read_table(workspace.splits / "validation.parquet"),
        "texts": read_table(workspace.item_texts),
        "articles": read_table(workspace.behaviour / "articles.parquet"),
        "customers": read_table(workspace.behaviour / "customers.parquet"),
        "events": events[events["split"] != "test"].reset_index(drop=True),
        "train": read_table(workspace.prompts / "train.parquet"),
        "validation": read_table(workspace.prompts / "validation.parquet"),
        "test": test,
    }


def other_prices(test: pd.DataFrame) -> pd.DataFrame:
    return test.assign(price=test["price"] * 100)


def other_articles(test: pd.DataFrame) -> pd.DataFrame:
    return test.assign(sku="SKU0003", channel="store")


def other_days(test: pd.DataFrame) -> pd.DataFrame:
    return test.assign(timestamp=AS_OF + (test["timestamp"] - AS_OF) // 3)


def only_the_first_customer(test: pd.DataFrame) -> pd.DataFrame:
    return test[test["customer_id"] == test["customer_id"].min()]


@pytest.mark.parametrize("change", [other_prices, other_articles, other_days, only_the_first_customer])
def test_the_test_window_changes_nothing_before_it(
    validated_workspace: Workspace, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    path = validated_workspace.validated / "transactions.parquet"
    purchases = read_table(path)
    before = outcome(validated_workspace)

    held_out = purchases["timestamp"] >= AS_OF
    changed = change(purchases[held_out].copy())
    write_table(pd.concat([purchases[~held_out], changed], ignore_index=True), path)
    after = outcome(validated_workspace)

    asked = set(changed["customer_id"])
    before["test"] = before["test"][before["test"]["customer_id"].isin(asked)].reset_index(drop=True)
    assert held_out.sum() > 5
    for name, frame in before.items():
        pd.testing.assert_frame_equal(after[name], frame, obj=name)


def test_the_validation_basket_is_in_no_history_that_predicts_it(validated_workspace: Workspace) -> None:
    path = validated_workspace.validated / "transactions.parquet"
    purchases = read_table(path)
    before = outcome(validated_workspace)
    start = pd.Timestamp(read_json(validated_workspace.splits / "windows.json")["validation_start"])

    window = (purchases["timestamp"] >= start) & (purchases["timestamp"] < AS_OF)
    write_table(purchases.assign(sku=purchases["sku"].mask(window, "SKU0003")), path)
    after = outcome(validated_workspace)

    assert window.sum() > 5
    for name in ("train split", "train"):
        pd.testing.assert_frame_equal(after[name], before[name], obj=name)
    shown = ["customer_id", "header", "moments", "history", "closing"]
    pd.testing.assert_frame_equal(after["validation"][shown], before["validation"][shown])


def test_a_last_purchase_left_out_changes_nothing_before_it(validated_workspace: Workspace) -> None:
    params = Params.model_validate({"splits": {"strategy": "leave_one_out"}, "prompts": {"history": 5}})
    path = validated_workspace.validated / "transactions.parquet"
    before = outcome(validated_workspace, params)
    test = read_table(validated_workspace.splits / "test.parquet")

    keys = ["customer_id", "sku", "timestamp", "price", "channel"]
    purchases = read_table(path).merge(test[keys].drop_duplicates().assign(last=True), how="left", on=keys)
    last = purchases.pop("last").notna()
    changed = purchases.assign(
        sku=purchases["sku"].mask(last, "SKU0003"), price=purchases["price"].mask(last, 9e4)
    )
    write_table(changed, path)
    after = outcome(validated_workspace, params)

    assert last.sum() == len(test)
    for name, frame in before.items():
        pd.testing.assert_frame_equal(after[name], frame, obj=name)
