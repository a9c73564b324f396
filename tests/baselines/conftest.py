"""Behaviour features, item texts and splits of tiny shops, written as the stages before write them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rec_assets.baselines.data import Purchases, read_purchases
from rec_assets.files import write_json, write_table
from rec_assets.workspace import Workspace

AS_OF = pd.Timestamp("2024-11-01")
VALIDATION_START = pd.Timestamp("2024-10-04")
Write = Callable[..., Workspace]


@pytest.fixture
def write_features(workspace: Workspace) -> Write:
    """A function that writes what the stage reads from plain tables."""

    def write(transactions: pd.DataFrame, articles: pd.DataFrame) -> Workspace:
        events = transactions.sort_values(["customer_id", "timestamp", "sku"], ignore_index=True)
        events = events.astype({"timestamp": "datetime64[us]"})
        events["split"] = np.where(
            events["timestamp"] >= AS_OF,
            "test",
            np.where(events["timestamp"] >= VALIDATION_START, "validation", "train"),
        )
        events["position"] = events.groupby("customer_id").cumcount()
        write_table(events, workspace.behaviour / "events.parquet")
        for split, rows in events.groupby("split"):
            write_table(rows, workspace.splits / f"{split}.parquet")
        write_json({"strategy": "time", "as_of": "2024-11-01"}, workspace.splits / "windows.json")
        columns = ["sku", "category", "available"]
        write_table(articles[columns].sort_values("sku"), workspace.behaviour / "articles.parquet")
        texts = articles[["sku", "title"]].assign(text=articles["title"])
        write_table(texts, workspace.item_texts)
        return workspace

    return write


@pytest.fixture
def features(write_features: Write, retailer) -> Workspace:
    """The tiny retailer; one SKU sold out today, one customer new in the test window."""
    articles = retailer.articles.copy()
    articles.loc[articles["sku"] == "SKU0005", "available"] = False
    newcomer = pd.DataFrame(
        {"customer_id": ["C999"], "sku": ["SKU0001"], "timestamp": [AS_OF + pd.Timedelta(days=3)]}
    )
    return write_features(pd.concat([retailer.transactions, newcomer]), articles)


@pytest.fixture
def purchases(features: Workspace) -> Purchases:
    """The tiny retailer in numbers."""
    return read_purchases(features)


@pytest.fixture
def shop() -> Callable[..., Purchases]:
    """A function that makes purchases out of ``(customer, SKUs oldest first)``, one a day up to ``as_of``.

    SKUs are the letters a, b, c, ...; the last day before ``as_of`` is everybody's last purchase.
    """

    def make(baskets: Sequence[str], catalogue: str, categories: str | None = None) -> Purchases:
        letters = list(catalogue)
        days = [AS_OF - pd.Timedelta(days=len(skus) - i) for skus in baskets for i in range(len(skus))]
        return Purchases(
            skus=np.array(letters, object),
            categories=pd.factorize(np.array(list(categories or "x" * len(letters))))[0].astype(np.int64),
            texts=np.array([f"item {letter}" for letter in letters], object),
            customers=np.array([f"C{i}" for i in range(len(baskets))], object),
            test_customers=np.arange(len(baskets)),
            customer=np.repeat(np.arange(len(baskets)), [len(skus) for skus in baskets]),
            sku=np.array([letters.index(letter) for skus in baskets for letter in skus], np.int64),
            timestamp=np.array(days, "datetime64[us]"),
            in_training=np.ones(sum(map(len, baskets)), bool),
            as_of=AS_OF,
        )

    return make


@pytest.fixture
def with_validation() -> Callable[[Purchases, int], Purchases]:
    """A function that moves everybody's last purchases into the validation window."""

    def move(data: Purchases, last: int) -> Purchases:
        from_end = data.starts[data.customer + 1] - np.arange(len(data.sku))
        return replace(data, in_training=from_end > last)

    return move
