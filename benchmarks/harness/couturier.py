"""The product itself on Amazon Beauty: its own stages, in a workspace of their own."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.beauty import LeaveOneOut, shared_data
from harness.stages import cost_of, make_workspace, run_until
from rec_assets import columns as c
from rec_assets.files import read_table
from rec_assets.params import Params
from rec_assets.workspace import Workspace

CHANGES = {"source.kind": "amazon", "splits.strategy": "leave_one_out"}


def beauty_source(customers: int | None, work: Path) -> Path:
    """Give the folder of Amazon's files; for a smoke run one with the first customers only, by name."""
    folder = shared_data() / "amazon_beauty"
    if customers is None:
        return folder
    few = work / "source"
    few.mkdir(parents=True, exist_ok=True)
    events = pd.read_parquet(folder / "interactions.parquet")
    kept = np.unique(events["user_id"].to_numpy(object))[:customers]
    events[events["user_id"].isin(kept)].to_parquet(few / "interactions.parquet", index=False)
    pd.read_parquet(folder / "items.parquet").to_parquet(few / "items.parquet", index=False)
    return few


def rank_with_couturier(
    root: Path, params: Params, data: LeaveOneOut, depth: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Train and rank with the product's stages.

    Parameters
    ----------
    root
        The workspace's folder.
    params
        Parameters of every stage.
    data
        What the other models see: the targets must be the same.
    depth
        Length of the lists to give.

    Returns
    -------
    lists, report
        Ranked lists; and ``seconds``, ``peak_mb``, ``parameters`` and ``notes``.
    """
    workspace = make_workspace(root, params)
    done = run_until(workspace, "holdout_rankings")
    assert_same_targets(workspace, data)
    lists = read_table(workspace.holdout_rankings / "couturier.parquet")
    cost, trained = cost_of(done), done["recommender"]["metrics"]
    return lists[lists[c.RANK] <= depth], {
        "seconds": cost["seconds"],
        "peak_mb": cost["peak_mb"],
        "parameters": int(trained["parameters"]),
        "notes": {
            "trained_parameters": int(trained["trained_parameters"]),
            "epochs": int(trained["epochs"]),
            "validation_ndcg@10": trained["validation_ndcg@10"],
            "stage_seconds": {name: record["seconds"] for name, record in done.items()},
            "trained_at": sorted(cost["commits"]),
        },
    }


def assert_same_targets(workspace: Workspace, data: LeaveOneOut) -> None:
    """Hold the product's leave-one-out against the benchmark's, customer by customer.

    Raises
    ------
    AssertionError
        When a customer is missing, or has another test SKU.
    """
    test = read_table(workspace.splits / "test.parquet", [c.CUSTOMER, c.SKU]).sort_values(c.CUSTOMER)
    purchases = data.purchases
    assert test[c.CUSTOMER].tolist() == purchases.customers.tolist(), "the splits hold other customers"
    differ = int((test[c.SKU].to_numpy(object) != purchases.skus[data.targets]).sum())
    assert not differ, f"the splits differ in the test SKU of {differ} of {len(test)} customers"
