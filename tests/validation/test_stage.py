"""The stage as the pipeline runs it."""

import pandas as pd
import pytest

from rec_assets.errors import CheckFailedError, TableError
from rec_assets.files import content_hash, read_json
from rec_assets.params import change_params, read_params
from rec_assets.pipeline import run_stage, stage
from rec_assets.validation.stage import run

pytestmark = pytest.mark.usefixtures("on_last_day")


def check(report, name):
    [found] = [check for check in report.checks if check.name == name]
    return found


def test_good_tables_pass_every_declared_check_and_give_the_same_bytes_again(tables, write_raw):
    workspace = write_raw(tables)
    committed = content_hash(workspace.expectations)
    report = run(workspace, read_params(workspace.params_file))
    declared = stage("validated_data")
    assert tuple(check.name for check in report.checks) == declared.checks
    assert all(check.passed for check in report.checks)
    assert report.rows["transactions"] == len(tables["transactions"])
    page = workspace.expectations / "uncommitted" / "data_docs" / "local_site" / "index.html"
    assert report.links == {"Data docs": page.as_uri()}
    assert "transactions" in page.read_text()
    outputs = [workspace.root / path for path in declared.outputs]
    before = [content_hash(path) for path in outputs]
    run(workspace, read_params(workspace.params_file))
    assert [content_hash(path) for path in outputs] == before
    for folder in (workspace.expectations / "uncommitted").iterdir():
        for file in sorted(folder.rglob("*"), reverse=True):
            file.unlink() if file.is_file() else file.rmdir()
        folder.rmdir()
    (workspace.expectations / "uncommitted").rmdir()
    assert content_hash(workspace.expectations) == committed, "commit the suites that the rules give"
    assert not list(workspace.data.glob(".*"))


def test_counts_add_up_and_the_report_names_no_path_and_no_time(tables, write_raw):
    tables["transactions"].loc[:2, "price"] = -1.0
    tables["customers"] = pd.concat([tables["customers"], tables["customers"].iloc[[0]]], ignore_index=True)
    tables["customers"].loc[7, "age"] = 300.0
    workspace = write_raw(tables)
    report = run(workspace, read_params(workspace.params_file))
    assert all(check.passed for check in report.checks)
    written = read_json(workspace.reports / "validation.json")
    for name, frame in tables.items():
        counts = written[name]
        assert counts["raw"] == len(frame) == counts["validated"] + counts["quarantined"]
        assert counts["validated"] == len(pd.read_parquet(workspace.validated / f"{name}.parquet"))
        assert counts["quarantined"] == len(pd.read_parquet(workspace.quarantine / f"{name}.parquet"))
    assert written["transactions"]["broken"]["price_in_range"] == 3
    assert written["rows_kept_without_an_attribute"] == 1
    text = (workspace.reports / "validation.json").read_text()
    assert str(workspace.root) not in text
    assert "2024" not in text


@pytest.mark.parametrize(
    ("table", "column", "value", "failing"),
    [
        ("transactions", "price", -1.0, {"transactions_suite"}),
        ("transactions", "timestamp", pd.Timestamp("2031-01-01"), {"transactions_suite"}),
        ("transactions", "sku", "NO-SUCH-SKU", {"transactions_suite", "references"}),
        ("customers", "customer_id", "C039", {"customers_suite"}),
        ("customers", "age", 121.0, {"customers_suite"}),
        ("articles", "sku", "SKU0029", {"articles_suite", "transactions_suite", "references"}),
    ],
)
def test_past_the_limit_its_check_fails(tables, write_raw, table, column, value, failing):
    tables[table].loc[: int(len(tables[table]) * 0.6), column] = value
    workspace = write_raw(tables)
    report = run(workspace, read_params(workspace.params_file))
    failed = {check.name: check.description for check in report.checks if not check.passed}
    assert set(failed) == failing
    assert any(column in description for description in failed.values())


def test_the_limit_stops_the_run_with_the_data_docs_linked_and_is_the_users(tables, write_raw):
    tables["transactions"].loc[:99, "price"] = -1.0
    workspace = write_raw(tables)
    with pytest.raises(CheckFailedError, match="price is negative") as stopped:
        run_stage(workspace, "validated_data")
    assert "index.html" in stopped.value.cure
    assert "max_quarantined_share" in stopped.value.problem
    change_params(workspace.params_file, {"validation.max_quarantined_share": 0.5})
    run_stage(workspace, "validated_data")
    assert len(pd.read_parquet(workspace.quarantine / "transactions.parquet")) == 100


@pytest.mark.parametrize("table", ["transactions", "articles"])
def test_an_empty_table_stops_the_run(tables, write_raw, table):
    tables[table] = tables[table].iloc[:0]
    workspace = write_raw(tables)
    report = run(workspace, read_params(workspace.params_file))
    failed = check(report, f"{table}_suite")
    assert not failed.passed
    assert f"{table} has 0 rows" in failed.description


def test_no_customer_rows_are_no_reason_to_stop(tables, write_raw):
    tables["customers"] = tables["customers"].iloc[:0]
    workspace = write_raw(tables)
    report = run(workspace, read_params(workspace.params_file))
    assert all(check.passed for check in report.checks)
    assert check(report, "references").metadata["customer_known"] == len(tables["transactions"])


def test_a_missing_column_is_named_with_those_found(tables, write_raw):
    tables["articles"] = tables["articles"].drop(columns=["sku"])
    workspace = write_raw(tables)
    with pytest.raises(TableError, match=r"articles\.parquet has no column sku.*title.*colour"):
        run(workspace, read_params(workspace.params_file))


def test_a_missing_file_and_a_damaged_one_are_named(tables, write_raw):
    workspace = write_raw(tables)
    (workspace.raw / "customers.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(TableError, match=r"customers\.parquet is not a readable Parquet"):
        run(workspace, read_params(workspace.params_file))
    (workspace.raw / "customers.parquet").unlink()
    with pytest.raises(TableError, match=r"customers\.parquet does not exist"):
        run(workspace, read_params(workspace.params_file))
    assert not workspace.validated.exists()


def test_a_shrunken_snapshot_stops_the_run_and_is_no_measure_for_the_next(tables, write_raw):
    workspace = write_raw(tables, snapshot="2024-11")
    params = read_params(workspace.params_file)
    assert check(run(workspace, params), "volume_and_freshness").passed
    half = {**tables, "transactions": tables["transactions"].iloc[:-200]}
    failed = check(run(write_raw(half, snapshot="2024-12"), params), "volume_and_freshness")
    assert not failed.passed
    assert "transactions has" in failed.description
    assert "min_volume_ratio" in failed.description
    assert "older than the previous snapshot" in failed.description
    third = {**tables, "transactions": pd.concat([tables["transactions"], tables["transactions"].iloc[:9]])}
    passed = check(run(write_raw(third, snapshot="2025-01"), params), "volume_and_freshness")
    assert passed.passed
    assert passed.metadata["previous snapshot"] == "2024-11"
