import pytest

from rec_assets import columns as c
from rec_assets.files import read_json, read_table, write_json
from rec_assets.ranking.sales import sales
from rec_assets.workspace import Workspace


@pytest.fixture
def splits(prepared_workspace: Workspace) -> dict[str, int]:
    """How many purchases each split has."""
    events = read_table(prepared_workspace.behaviour / "events.parquet", [c.SPLIT])
    return events[c.SPLIT].value_counts().to_dict()


def test_a_judged_model_knows_what_was_bought_before_the_test(
    prepared_workspace: Workspace, splits: dict[str, int]
) -> None:
    known = sales(prepared_workspace, tested=False)
    assert len(known) == splits["train"] + splits["validation"]
    assert len(sales(prepared_workspace, tested=True)) == sum(splits.values())
    assert list(known) == [c.SKU, c.TIMESTAMP]


def test_where_one_leaves_one_out_it_knows_training_purchases_alone(
    prepared_workspace: Workspace, splits: dict[str, int]
) -> None:
    windows = prepared_workspace.splits / "windows.json"
    write_json(read_json(windows) | {"strategy": "leave_one_out", "as_of": None}, windows)
    assert len(sales(prepared_workspace, tested=False)) == splits["train"]
