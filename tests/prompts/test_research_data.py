"""Real purchases from raw files to prompts: nothing is lost, nothing comes too early."""

import shutil
from pathlib import Path

import pytest

from rec_assets.evaluation import splits
from rec_assets.features import behaviour, item_texts
from rec_assets.files import read_json, read_table
from rec_assets.params import Params
from rec_assets.prompts import stage
from rec_assets.prompts.show import show_prompt
from rec_assets.sources import stage as sources
from rec_assets.workspace import Workspace


def prepared(workspace: Workspace, folder: Path, kind: str, strategy: str) -> dict[str, int]:
    params = Params.model_validate(
        {"source": {"kind": kind, "path": str(folder)}, "splits": {"strategy": strategy}}
    )
    sources.run(workspace, params)
    shutil.copytree(workspace.raw, workspace.validated)
    reports = [step(workspace, params) for step in (splits.run, item_texts.run, behaviour.run, stage.run)]
    assert all(check.passed for report in reports for check in report.checks)
    return dict(reports[-1].rows)


@pytest.mark.shared
def test_hm_by_time(workspace: Workspace, shared_data: Path) -> None:
    rows = prepared(workspace, shared_data / "hm", "hm", "time")

    windows = read_json(workspace.splits / "windows.json")
    assert sum(windows["rows"].values()) == 25_752
    assert windows["as_of"] == "2020-08-26"
    assert rows["latest"] == 1_081
    test = read_table(workspace.prompts / "test.parquet")
    baskets = read_table(workspace.splits / "test.parquet").groupby("customer_id")["sku"].nunique()
    assert test.set_index("customer_id")["targets"].str.len().to_dict() == baskets.to_dict()
    assert "<sku:0" in show_prompt(workspace, test["customer_id"].iloc[-1], rows="test")


@pytest.mark.shared
def test_amazon_leaving_the_last_item_out(workspace: Workspace, shared_data: Path) -> None:
    rows = prepared(workspace, shared_data / "amazon_beauty", "amazon", "leave_one_out")

    windows = read_json(workspace.splits / "windows.json")
    assert windows["rows"] == {
        "train": 198_502 - 2 * 22_363,
        "validation": 22_363,
        "test": 22_363,
        "dropped": 0,
    }
    assert rows["test"] == rows["latest"] == 22_363
    test = read_table(workspace.prompts / "test.parquet")
    last = read_table(workspace.behaviour / "events.parquet").groupby("customer_id")["sku"].last()
    assert test.set_index("customer_id")["targets"].str[0].to_dict() == last.to_dict()
