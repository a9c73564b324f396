"""Everybody's purchases up to the day that lists are made for: what is popular lately is counted in them."""

import pandas as pd

from rec_assets import columns as c
from rec_assets.files import read_json, read_table
from rec_assets.workspace import Workspace


def sales(workspace: Workspace, *, tested: bool) -> pd.DataFrame:
    """Read ``sku, timestamp`` of all purchases; without ``tested``, of those that a judged model may know.

    These are the ones before the test window. Where one leaves one out there is no such window, and a model
    may know training purchases alone.
    """
    events = read_table(workspace.behaviour / "events.parquet", [c.SKU, c.TIMESTAMP, c.SPLIT])
    by_time = read_json(workspace.splits / "windows.json")["as_of"] is not None
    known = ("train", "validation") if by_time else ("train",)
    kept = events if tested else events[events[c.SPLIT].isin(known)]
    return kept[[c.SKU, c.TIMESTAMP]]
