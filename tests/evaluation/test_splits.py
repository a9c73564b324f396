"""Splits: windows, ties, counts, and the data that cannot be split."""

import pandas as pd
import pytest

from rec_assets.errors import ParamsError, TableError
from rec_assets.evaluation import splits
from rec_assets.files import content_hash, read_json, read_table, write_json, write_table
from rec_assets.params import Params
from rec_assets.workspace import Workspace

TIME = Params()
LEAVE_ONE_OUT = Params.model_validate({"splits": {"strategy": "leave_one_out"}})


def purchases(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "sku", "timestamp"])
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], format="ISO8601").astype("datetime64[us]")
    return frame.assign(price=1.0, channel="store")


def given(workspace: Workspace, rows: list[tuple[str, str, str]], time: str = "date") -> Workspace:
    write_table(purchases(rows), workspace.validated / "transactions.parquet")
    write_json({"kind": "table", "time": time}, workspace.raw / "source.json")
    return workspace


def written(workspace: Workspace) -> dict[str, pd.DataFrame]:
    return {name: read_table(workspace.splits / f"{name}.parquet") for name in splits.NAMES}


def test_time_windows_are_half_open_and_counts_add_up(workspace: Workspace) -> None:
    days = ["2024-01-01", "2024-01-10", "2024-01-11", "2024-01-12", "2024-01-13", "2024-01-14", "2024-01-15"]
    given(workspace, [("C1", f"S{i}", day) for i, day in enumerate(days)])
    params = Params.model_validate({"splits": {"as_of": "2024-01-13", "validation_days": 2, "test_days": 2}})

    report = splits.run(workspace, params)

    found = {name: frame["sku"].tolist() for name, frame in written(workspace).items()}
    assert found == {"train": ["S0", "S1"], "validation": ["S2", "S3"], "test": ["S4", "S5"]}
    windows = read_json(workspace.splits / "windows.json")
    assert windows["as_of"] == "2024-01-13"
    assert windows["validation_start"] == "2024-01-11"
    assert windows["test_end"] == "2024-01-15"
    assert windows["rows"] == {"train": 2, "validation": 2, "test": 2, "dropped": 1}
    assert windows["customers"] == {"train": 1, "validation": 1, "test": 1}
    (check,) = report.checks
    assert check.name == "no_leakage"
    assert check.passed


def test_without_as_of_the_test_window_ends_with_the_last_day(validated_workspace: Workspace) -> None:
    splits.run(validated_workspace, TIME)

    windows = read_json(validated_workspace.splits / "windows.json")
    last = read_table(validated_workspace.validated / "transactions.parquet")["timestamp"].max()
    assert pd.Timestamp(windows["as_of"]) == last.normalize() - pd.Timedelta(days=27)
    assert windows["rows"]["dropped"] == 0


def test_a_late_hour_of_the_day_before_as_of_is_validation(workspace: Workspace) -> None:
    rows = [("C1", "A", "2024-01-01"), ("C1", "B", "2024-01-09 23:59:59.999999"), ("C1", "C", "2024-01-10")]
    given(workspace, rows)

    splits.run(workspace, Params.model_validate({"splits": {"validation_days": 1, "test_days": 1}}))

    assert {name: frame["sku"].tolist() for name, frame in written(workspace).items()} == {
        "train": ["A"],
        "validation": ["B"],
        "test": ["C"],
    }


def test_leave_one_out_breaks_ties_by_the_order_of_the_file(workspace: Workspace) -> None:
    same = "2024-02-02"
    rows = [("C2", "X", same), ("C1", "D", same), ("C1", "A", same), ("C2", "Y", same), ("C1", "B", same)]
    given(workspace, [*rows, ("C1", "C", "2024-01-01")], time="order")

    report = splits.run(workspace, LEAVE_ONE_OUT)

    found = written(workspace)
    assert found["test"]["sku"].tolist() == ["B"]
    assert found["validation"]["sku"].tolist() == ["A"]
    assert sorted(found["train"]["sku"]) == ["C", "D", "X", "Y"]  # C2 has too few purchases to be judged
    assert read_json(workspace.splits / "windows.json")["as_of"] is None
    assert report.checks[0].passed


def test_a_split_written_out_of_order_fails_the_check(workspace: Workspace) -> None:
    given(workspace, [("C1", sku, f"2024-01-0{i}") for i, sku in enumerate("ABCD", start=1)])
    splits.run(workspace, LEAVE_ONE_OUT)
    windows = read_json(workspace.splits / "windows.json")
    swapped = {"train": "test", "test": "train"}
    frames = written(workspace)
    for name, other in swapped.items():
        write_table(frames[other], workspace.splits / f"{name}.parquet")

    with splits.engine() as connection:
        check = splits._no_leakage(connection, workspace.splits, windows)

    assert not check.passed
    assert check.metadata["customers_out_of_order"] == 1


def test_time_strategy_is_refused_where_time_is_only_an_order(workspace: Workspace) -> None:
    given(workspace, [("C1", "A", "1970-01-01")], time="order")
    with pytest.raises(ParamsError) as caught:
        splits.run(workspace, TIME)
    assert "splits.strategy: leave_one_out" in caught.value.cure


@pytest.mark.parametrize(
    "section",
    [{"validation_days": 10_000_000}, {"test_days": 10**12}, {"as_of": "9999-12-30"}],
)
def test_a_window_beyond_the_calendar_is_named(workspace: Workspace, section: dict[str, object]) -> None:
    given(workspace, [("C1", "A", "2024-01-01")])
    with pytest.raises(ParamsError, match=r"splits\.validation_days .* or splits\.test_days") as caught:
        splits.run(workspace, Params.model_validate({"splits": section}))
    assert "2024-01-01" in caught.value.cure


@pytest.mark.parametrize(
    ("rows", "params", "names"),
    [
        ([("C1", "A", "2024-01-01"), ("C1", "B", "2024-01-05")], TIME, "train, validation"),
        ([("C1", "A", "2024-01-01"), ("C1", "B", "2024-01-05")], LEAVE_ONE_OUT, "3 purchases"),
        (
            [("C1", "A", "2023-01-01"), ("C1", "B", "2024-01-05")],
            Params.model_validate({"splits": {"as_of": "2025-01-01"}}),
            "validation, test",
        ),
        ([], TIME, "0 of 0 purchases"),
        ([("C1", "A", "2024-01-01"), ("C1", "B", "")], TIME, "1 of 2 purchases"),
    ],
)
def test_too_little_data_is_named_and_leaves_no_files(
    workspace: Workspace, rows: list[tuple[str, str, str]], params: Params, names: str
) -> None:
    given(workspace, rows)
    with pytest.raises(TableError, match=names) as caught:
        splits.run(workspace, params)
    assert caught.value.cure
    assert not workspace.splits.exists()


@pytest.mark.parametrize("params", [TIME, LEAVE_ONE_OUT])
def test_equal_inputs_give_equal_bytes(validated_workspace: Workspace, params: Params) -> None:
    splits.run(validated_workspace, params)
    first = content_hash(validated_workspace.splits)
    splits.run(validated_workspace, params)
    assert content_hash(validated_workspace.splits) == first


@pytest.mark.parametrize("params", [TIME, LEAVE_ONE_OUT])
def test_a_customer_with_ten_thousand_purchases(workspace: Workspace, params: Params) -> None:
    days = pd.date_range("2023-01-01", periods=10_000, freq="h").astype(str)
    given(workspace, [("whale", f"S{i % 50}", day) for i, day in enumerate(days)])

    report = splits.run(workspace, params)

    assert sum(report.rows.values()) == 10_000
    assert report.checks[0].passed
