"""Amazon Beauty, leave one out: the last SKU is the test, the one before the validation, the rest trains."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from rec_assets import columns as c
from rec_assets.baselines.data import Flags, Integers, Purchases

PROJECT = Path(__file__).resolve().parents[2]


def shared_data() -> Path:
    """Find the research data: ``$COUTURIER_SHARED/data``, or ``../shared/data`` beside the checkout."""
    return Path(os.environ.get("COUTURIER_SHARED", PROJECT.parent / "shared")) / "data"


@dataclass(frozen=True)
class LeaveOneOut:
    """What every model of the benchmark sees, and what it is judged by.

    Parameters
    ----------
    purchases
        All but the test SKUs, over the full catalogue; ``in_training`` is false for the validation SKUs.
        A customer's history when ranking is all of it, so it includes the validation SKU.
    targets
        The test SKU of each customer, shape ``(C,)``, aligned with ``purchases.customers``.
    """

    purchases: Purchases
    targets: Integers


def leave_one_out(events: pd.DataFrame) -> LeaveOneOut:
    """Split ``events(customer_id, sku, position)``; ``position`` is the order.

    Raises
    ------
    ValueError
        When a customer has fewer than three purchases, or two at one position.
    """
    events = events.sort_values([c.CUSTOMER, c.POSITION], ignore_index=True)
    if events.duplicated([c.CUSTOMER, c.POSITION]).any():
        raise ValueError("two purchases of one customer share a position: the order is not known")
    customers, customer = np.unique(events[c.CUSTOMER].to_numpy(object), return_inverse=True)
    skus, sku = np.unique(events[c.SKU].to_numpy(object), return_inverse=True)
    ends = np.append(np.flatnonzero(np.diff(customer)), len(customer) - 1)  # (C,) the last row of each
    if (np.diff(ends, prepend=-1) < 3).any():
        raise ValueError("leave one out needs three purchases of every customer")
    in_training = np.ones(len(events), bool)
    in_training[ends - 1] = False
    known = np.ones(len(events), bool)
    known[ends] = False
    purchases = Purchases(
        skus=skus,
        categories=np.zeros(len(skus), np.int64),
        texts=np.full(len(skus), "", object),
        customers=customers,
        test_customers=np.arange(len(customers)),
        customer=customer[known],
        sku=sku[known],
        timestamp=np.zeros(known.sum(), "datetime64[us]"),
        in_training=in_training[known],
        as_of=None,
    )
    return LeaveOneOut(purchases, sku[ends])


def first_customers(data: LeaveOneOut, count: int) -> LeaveOneOut:
    """Keep the first customers by name, and the whole catalogue: for smoke runs."""
    purchases = data.purchases
    kept = purchases.customer < count
    return LeaveOneOut(
        replace(
            only(purchases, kept),
            customers=purchases.customers[:count],
            test_customers=purchases.test_customers[:count],
        ),
        data.targets[:count],
    )


def only(purchases: Purchases, chosen: Flags) -> Purchases:
    """Keep the purchases chosen by a mask of shape ``(P,)``; customers and catalogue stay."""
    return replace(
        purchases,
        customer=purchases.customer[chosen],
        sku=purchases.sku[chosen],
        timestamp=purchases.timestamp[chosen],
        in_training=purchases.in_training[chosen],
    )


def read_beauty(customers: int | None = None) -> LeaveOneOut:
    """Read ``data/amazon_beauty``, with its first ``customers`` customers only when given."""
    events = pd.read_parquet(shared_data() / "amazon_beauty" / "interactions.parquet")
    data = leave_one_out(events.rename(columns={"user_id": c.CUSTOMER, "item_id": c.SKU}))
    return data if customers is None else first_customers(data, customers)
