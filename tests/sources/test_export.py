from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from rec_assets.params import Params, Synthetic
from rec_assets.sources.export import FileFormat, table_mapping, write_retailer
from rec_assets.sources.snapshots import list_snapshots
from rec_assets.sources.stage import run
from rec_assets.workspace import Workspace

SMALL = Synthetic(customers=60, skus=120, months=4, seed=7)


def params(file_format: FileFormat) -> Params:
    tables = table_mapping(SMALL, file_format)
    return Params.model_validate({"source": {"kind": "table", "tables": tables}})


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_exported_files_read_back_as_the_synthetic_tables(workspace: Workspace, file_format: FileFormat):
    run(workspace, Params.model_validate({"source": {"synthetic": SMALL.model_dump()}}))
    names = ("transactions", "customers", "articles")
    expected = {name: pd.read_parquet(workspace.raw / f"{name}.parquet") for name in names}
    rows = write_retailer(workspace.data / "incoming" / "2025-01-01", SMALL, file_format=file_format)
    run(workspace, params(file_format))
    for name in names:
        table = pd.read_parquet(workspace.raw / f"{name}.parquet")
        assert len(table) == rows[name]
        pd.testing.assert_frame_equal(table[list(expected[name])], expected[name])


def test_successive_snapshots_grow_and_the_newest_is_read(workspace: Workspace):
    incoming = workspace.data / "incoming"
    sizes = [
        write_retailer(incoming / until.isoformat(), SMALL, until=until)["transactions"]
        for until in (date(2024, 9, 1), date(2024, 10, 1))
    ]
    assert 0 < sizes[0] < sizes[1]
    assert list_snapshots(incoming) == ["2024-09-01", "2024-10-01"]
    report = run(workspace, params("csv"))
    assert report.rows["transactions"] == sizes[1]
    assert "snapshot 2024-10-01" in report.summary


def test_plain_text_with_header(tmp_path: Path):
    write_retailer(tmp_path / "out", SMALL)
    head = (tmp_path / "out" / "transactions.csv").read_text().splitlines()[0]
    assert head == "customer_id,sku,timestamp,price,channel"
