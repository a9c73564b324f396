"""Who bought what before the validation window, as a sparse matrix."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from scipy.sparse import csr_array

from rec_assets.columns import CUSTOMER, SKU, SPLIT
from rec_assets.errors import TableError

Integers = npt.NDArray[np.int64]
Names = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Bought:
    """Customers and SKUs of split train.

    Parameters
    ----------
    customers
        ``(C,)`` ids with a purchase, sorted.
    skus
        ``(S,)`` SKUs sold, sorted.
    matrix
        ``(C, S)``: 1 where the customer bought the SKU, however often.
    """

    customers: Names
    skus: Names
    matrix: Any


def read_bought(events: Path) -> Bought:
    """Read ``events.parquet``, split train only.

    The validation window stops the training early, so what it holds may not shape the targets of training
    rows either: neighbours know less than the other features, which may read everything before ``as_of``.

    Raises
    ------
    TableError
        When the split holds no purchase.
    """
    # As dictionaries: 30 million customer ids of 64 letters would be 2 GB.
    table = pq.read_table(
        events,
        columns=[CUSTOMER, SKU],
        filters=[(SPLIT, "==", "train")],
        read_dictionary=[CUSTOMER, SKU],
    ).unify_dictionaries()
    if not len(table):
        raise TableError(
            f"{events} holds no purchase before the validation window.",
            "Move splits.as_of later, or shorten splits.validation_days and splits.test_days.",
        )
    customers, customer = _numbered(table[CUSTOMER])
    skus, sku = _numbered(table[SKU])
    ones = np.ones(len(customer), np.float32)
    matrix = csr_array((ones, (customer, sku)), shape=(len(customers), len(skus)))
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return Bought(customers, skus, matrix)


def _numbered(column: Any) -> tuple[Names, Integers]:
    """Names that occur, sorted, and each row's place in them."""
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in column.chunks]).astype(np.int64)
    names = np.array(column.chunk(0).dictionary.to_pylist(), dtype=object)
    present = np.unique(codes)
    order = present[np.argsort(names[present], kind="stable")]
    place = np.full(len(names), -1)
    place[order] = np.arange(len(order))
    return names[order], place[codes]
