"""A shop whose mix can be shifted on a known day."""

from collections.abc import Callable

import pandas as pd
import pytest

from rec_assets.files import write_json, write_table
from rec_assets.workspace import Workspace

DAY_ONE = pd.Timestamp("2024-01-01")


@pytest.fixture
def shop(workspace: Workspace) -> Callable[..., Workspace]:
    """Build validated tables of ten purchases a day; ``pick(day, i)`` names the article sold."""

    def build(pick: Callable[[int, int], str], days: int = 500, trained_days: int = 450) -> Workspace:
        rows = [
            (f"C{i}", pick(day, i), DAY_ONE + pd.Timedelta(days=day, hours=i), 10.0 + i)
            for day in range(days)
            for i in range(10)
        ]
        transactions = pd.DataFrame(rows, columns=["customer_id", "sku", "timestamp", "price"])
        transactions["timestamp"] = transactions["timestamp"].astype("datetime64[us]")
        skus = sorted({"coat", "dress", "hat", *transactions["sku"]})
        articles = pd.DataFrame(
            {
                "sku": skus,
                "title": skus,
                "category": [None if sku == "hat" else f"{sku}s" for sku in skus],
                "colour": ["red" if sku == "dress" else "black" for sku in skus],
                "introduced": pd.Series([pd.NaT] * len(skus), dtype="datetime64[us]"),
            }
        )
        write_table(transactions, workspace.validated / "transactions.parquet")
        write_table(articles, workspace.validated / "articles.parquet")
        start = DAY_ONE + pd.Timedelta(days=trained_days)
        write_json(
            {"strategy": "time", "validation_start": f"{start:%Y-%m-%d}"}, workspace.splits / "windows.json"
        )
        return workspace

    return build
