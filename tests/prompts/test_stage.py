"""The prompts stage on whole workspaces: counts, missing attributes, odd shops, the same bytes twice."""

import numpy as np
import pandas as pd
import pytest

from rec_assets.errors import TableError, UnknownCustomerError
from rec_assets.evaluation import splits
from rec_assets.features import behaviour, item_texts
from rec_assets.files import content_hash, read_json, read_table, write_json, write_table
from rec_assets.params import Params
from rec_assets.prompts import blocks, stage
from rec_assets.prompts.show import show_prompt
from rec_assets.workspace import Workspace

PARAMS = Params.model_validate({"prompts": {"history": 4}})
LEAVE_ONE_OUT = Params.model_validate({"prompts": {"history": 4}, "splits": {"strategy": "leave_one_out"}})


def prepared(workspace: Workspace, params: Params = PARAMS) -> dict[str, pd.DataFrame]:
    for step in (splits.run, item_texts.run, behaviour.run, stage.run):
        step(workspace, params)
    return {name: read_table(workspace.prompts / f"{name}.parquet") for name in stage.NAMES}


@pytest.mark.parametrize("params", [PARAMS, LEAVE_ONE_OUT])
def test_rows_match_the_splits(validated_workspace: Workspace, params: Params) -> None:
    rows = prepared(validated_workspace, params)
    windows = read_json(validated_workspace.splits / "windows.json")

    bearing = rows["train"]["history"].str.len() - rows["train"]["loss_from"]
    assert bearing.sum() == windows["rows"]["train"]
    assert len(rows["validation"]) == windows["customers"]["validation"]
    assert len(rows["test"]) == windows["customers"]["test"]
    assert len(rows["latest"]) == 40
    for name, frame in rows.items():
        assert frame["customer_id"].is_monotonic_increasing, name
        assert frame["history"].str.len().max() <= 4
        assert (frame["history"].str.len() == frame["moments"].str.len()).all()
    truth = read_table(validated_workspace.splits / "test.parquet")
    baskets = truth.groupby("customer_id")["sku"].agg(set)
    assert {row.customer_id: set(row.targets) for row in rows["test"].itertuples()} == baskets.to_dict()


def test_training_shows_each_purchase_once_with_loss(validated_workspace: Workspace) -> None:
    rows = prepared(validated_workspace)["train"]
    shown = [(row.customer_id, sku) for row in rows.itertuples() for sku in row.history[row.loss_from :]]
    bought = read_table(validated_workspace.splits / "train.parquet")
    assert sorted(shown) == sorted(zip(bought["customer_id"], bought["sku"], strict=True))


def test_closings_name_the_month_of_the_prediction(validated_workspace: Workspace) -> None:
    rows = prepared(validated_workspace)
    windows = read_json(validated_workspace.splits / "windows.json")
    newest = read_table(validated_workspace.behaviour / "events.parquet")["timestamp"].max()
    moments = {
        "validation": pd.Timestamp(windows["validation_start"]),
        "test": pd.Timestamp(windows["as_of"]),
        "latest": newest + pd.Timedelta(days=1),
    }
    for name, moment in moments.items():
        assert set(rows[name]["closing"]) == {moment.month_name()}


@pytest.mark.parametrize("params", [PARAMS, LEAVE_ONE_OUT])
def test_equal_inputs_give_equal_bytes(validated_workspace: Workspace, params: Params) -> None:
    prepared(validated_workspace, params)
    first = content_hash(validated_workspace.prompts)
    prepared(validated_workspace, params)
    assert content_hash(validated_workspace.prompts) == first


def test_blocks_of_customers_do_not_change_the_rows(
    validated_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = prepared(validated_workspace)
    monkeypatch.setattr(blocks, "_BLOCK", 7)
    for name, frame in prepared(validated_workspace).items():
        pd.testing.assert_frame_equal(frame, whole[name])


def test_missing_values_read_unknown_and_columns_without_any_are_not_said(
    validated_workspace: Workspace,
) -> None:
    path = validated_workspace.validated / "customers.parquet"
    customers = read_table(path).assign(age=np.nan, country=None)
    write_table(customers.iloc[:35], path)  # the last five are known only by their purchases

    rows = prepared(validated_workspace)

    assert len(rows["latest"]) == 40
    assert rows["latest"]["header"].tolist() == ["female", "male"] * 17 + ["female"] + ["unknown"] * 5


def test_a_retailer_without_attributes_has_no_header(validated_workspace: Workspace) -> None:
    path = validated_workspace.validated / "customers.parquet"
    write_table(read_table(path).assign(age=np.nan, country=" ", gender=None), path)

    rows = prepared(validated_workspace)

    assert {text for frame in rows.values() for text in frame["header"]} == {""}


def test_a_customer_without_history_has_a_prompt_for_today(validated_workspace: Workspace) -> None:
    path = validated_workspace.validated / "customers.parquet"
    newcomer = pd.DataFrame({"customer_id": ["A-new"], "age": [33.0], "country": ["NL"], "gender": ["male"]})
    write_table(pd.concat([read_table(path), newcomer]), path)

    prepared(validated_workspace)

    text = show_prompt(validated_workspace, "A-new")
    assert text == "male age 30s NL December"


def test_a_one_item_catalogue(validated_workspace: Workspace) -> None:
    folder = validated_workspace.validated
    purchases = read_table(folder / "transactions.parquet").assign(sku="SKU0000")
    write_table(purchases, folder / "transactions.parquet")
    write_table(read_table(folder / "articles.parquet").iloc[:1], folder / "articles.parquet")

    rows = prepared(validated_workspace)

    assert all(list(targets) == ["SKU0000"] for targets in rows["test"]["targets"])


def test_a_customer_with_ten_thousand_purchases(validated_workspace: Workspace) -> None:
    path = validated_workspace.validated / "transactions.parquet"
    purchases = read_table(path)
    whale = pd.DataFrame(
        {
            "customer_id": "whale",
            "sku": [f"SKU{i % 30:04d}" for i in range(10_000)],
            "timestamp": pd.date_range("2024-01-01", periods=10_000, freq="50min").astype("datetime64[us]"),
            "price": 1.0,
            "channel": "store",
        }
    )
    write_table(pd.concat([purchases, whale], ignore_index=True), path)

    rows = prepared(validated_workspace)

    mine = rows["train"].query("customer_id == 'whale'")
    trained = read_table(validated_workspace.splits / "train.parquet").query("customer_id == 'whale'")
    assert (mine["history"].str.len() - mine["loss_from"]).sum() == len(trained)
    assert mine["history"].str.len().max() == 4


def test_order_only_sources_say_no_moment(validated_workspace: Workspace) -> None:
    write_json({"kind": "table", "time": "order"}, validated_workspace.raw / "source.json")
    for frame in prepared(validated_workspace, LEAVE_ONE_OUT).values():
        assert set(frame["closing"]) == {""}
        assert all(set(moments) <= {""} for moments in frame["moments"])


def test_a_lost_purchase_stops_the_stage(validated_workspace: Workspace) -> None:
    prepared(validated_workspace)
    path = validated_workspace.behaviour / "events.parquet"
    events = read_table(path)
    before = content_hash(validated_workspace.prompts)
    write_table(events.drop(events.index[0]), path)
    with pytest.raises(TableError, match="bear loss"):
        stage.run(validated_workspace, PARAMS)
    assert content_hash(validated_workspace.prompts) == before


def test_events_out_of_order_stop_the_stage(validated_workspace: Workspace) -> None:
    prepared(validated_workspace)
    path = validated_workspace.behaviour / "events.parquet"
    write_table(read_table(path).iloc[::-1], path)
    with pytest.raises(TableError, match="order"):
        stage.run(validated_workspace, PARAMS)


def test_a_prompt_can_be_read_with_titles_and_targets(validated_workspace: Workspace) -> None:
    rows = prepared(validated_workspace)["test"]
    row = rows.iloc[0]
    text = show_prompt(validated_workspace, row["customer_id"], rows="test", titles=True)
    assert text.startswith(row["header"])
    for sku in (*row["history"], *row["targets"]):
        assert f"<sku:{sku}>" in text
    assert "to predict: " in text
    assert "<sku:" + row["targets"][0] + ">  " in text


def test_an_unknown_customer_is_an_error_with_a_cure(validated_workspace: Workspace) -> None:
    prepared(validated_workspace)
    with pytest.raises(UnknownCustomerError, match="'nobody'") as caught:
        show_prompt(validated_workspace, "nobody")
    assert "customers.parquet" in caught.value.cure


def test_showing_before_rendering_says_what_to_run(workspace: Workspace) -> None:
    with pytest.raises(TableError, match=r"latest\.parquet"):
        show_prompt(workspace, "C001")
