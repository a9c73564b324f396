"""Everybody's purchases up to the day that lists are made for: what is popular lately is counted in them."""

import pandas as pd

from rec_assets import columns as c
from rec_assets.files import read_table
from rec_assets.workspace import Workspace


def sales(workspace: Workspace, *, tested: bool) -> pd.DataFrame:
    """Read ``sku, timestamp`` of all purchases; without ``tested``, of those before the test window."""
    events = read_table(workspace.behaviour / "events.parquet", [c.SKU, c.TIMESTAMP, c.SPLIT])
    kept = events if tested else events[events[c.SPLIT] != "test"]
    return kept[[c.SKU, c.TIMESTAMP]]
