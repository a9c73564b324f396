"""What a baseline may learn from: every purchase before ``as_of``, in numbers instead of names."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rec_assets import columns as c
from rec_assets.errors import TableError
from rec_assets.files import read_json, read_table
from rec_assets.workspace import Workspace

Integers = NDArray[np.int64]
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Names = NDArray[np.object_]


@dataclass(frozen=True)
class Purchases:
    """Purchases before ``as_of`` over a fixed catalogue and a fixed list of customers.

    SKUs and customers are numbered by their sorted names, so a lower number is also the earlier name:
    ties broken by number are ties broken by SKU.

    Parameters
    ----------
    skus
        The whole catalogue, sorted, shape ``(N,)``.
    categories
        Category number of each SKU, shape ``(N,)``.
    texts
        Clean text of each SKU, shape ``(N,)``.
    customers
        Everybody with a purchase before ``as_of`` or in the test window, sorted, shape ``(C,)``.
    test_customers
        Numbers of the customers to rank for, ascending.
    customer, sku
        Who bought what, one entry a purchase, by customer and then oldest first, shape ``(P,)``.
    timestamp
        When, shape ``(P,)``.
    in_training
        False for purchases of the validation window, shape ``(P,)``.
    as_of
        First moment of the test window; none when the split has no date (leave one out).
    """

    skus: Names
    categories: Integers
    texts: Names
    customers: Names
    test_customers: Integers
    customer: Integers
    sku: Integers
    timestamp: NDArray[np.datetime64]
    in_training: Flags
    as_of: pd.Timestamp | None

    @cached_property
    def starts(self) -> Integers:
        """Where each customer's purchases start in :attr:`sku`, shape ``(C + 1,)``."""
        return np.searchsorted(self.customer, np.arange(len(self.customers) + 1))

    @cached_property
    def popularity(self) -> Integers:
        """Purchases of each SKU, multi-unit purchases counted each, shape ``(N,)``."""
        return np.bincount(self.sku, minlength=len(self.skus))

    @cached_property
    def popular_order(self) -> Integers:
        """All SKUs, most bought first, equal counts by SKU, shape ``(N,)``."""
        return np.argsort(-self.popularity, kind="stable")

    def history(self, customer: int) -> Integers:
        """List what a customer bought, oldest first, repeats kept."""
        return self.sku[self.starts[customer] : self.starts[customer + 1]]


def read_purchases(workspace: Workspace) -> Purchases:
    """Read the behaviour features, item texts and splits of a workspace.

    Raises
    ------
    TableError
        When nothing was bought before ``as_of``, or an event names an SKU that the catalogue lacks.
    """
    articles = read_table(workspace.behaviour / "articles.parquet", [c.SKU, c.CATEGORY])
    articles = articles.sort_values(c.SKU, ignore_index=True)
    texts = read_table(workspace.item_texts, [c.SKU, c.TEXT]).set_index(c.SKU)[c.TEXT]
    events_file = workspace.behaviour / "events.parquet"
    events = read_table(events_file, [c.CUSTOMER, c.SKU, c.TIMESTAMP, c.SPLIT, c.POSITION])
    events = events[events[c.SPLIT] != "test"].sort_values([c.CUSTOMER, c.POSITION], ignore_index=True)
    if events.empty:
        raise TableError(
            f"{events_file} holds no purchase before as_of.",
            "Move splits.as_of to a later date, or shorten splits.test_days.",
        )
    test = np.unique(read_table(workspace.splits / "test.parquet", [c.CUSTOMER])[c.CUSTOMER].to_numpy())
    skus = articles[c.SKU].to_numpy(object)
    customers = np.union1d(events[c.CUSTOMER].to_numpy(object), test)
    sku = pd.Index(skus).get_indexer(events[c.SKU])
    if (sku < 0).any():
        raise TableError(
            f"{events_file} has {int((sku < 0).sum())} purchases of SKUs that articles.parquet lacks, "
            f"e.g. {events[c.SKU][sku < 0].iloc[0]!r}.",
            "Run the behaviour stage again: couturier stage behaviour.",
        )
    as_of = read_json(workspace.splits / "windows.json")["as_of"]
    return Purchases(
        skus=skus,
        categories=pd.factorize(articles[c.CATEGORY], sort=True)[0].astype(np.int64),
        texts=texts.reindex(skus).fillna("").to_numpy(object),
        customers=customers,
        test_customers=np.searchsorted(customers, test),
        customer=pd.Index(customers).get_indexer(events[c.CUSTOMER]).astype(np.int64),
        sku=sku.astype(np.int64),
        timestamp=events[c.TIMESTAMP].to_numpy("datetime64[us]"),
        in_training=(events[c.SPLIT] == "train").to_numpy(bool),
        as_of=pd.Timestamp(as_of) if as_of else None,
    )
