"""A customer's own wish list and basket, where the retailer has such a table."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rec_assets.columns import CUSTOMER, SKU, SPLIT, TIMESTAMP
from rec_assets.errors import TableError
from rec_assets.features.neighbours.purchases import Bought


def own_list(path: Path, events: Path, bought: Bought) -> pd.DataFrame:
    """Read what customers had put on a list before their first held-out purchase.

    Parameters
    ----------
    path
        The retailer's table ``customer_id, sku, timestamp``; a list without dates would tell what is to come.
    events
        The events of stage ``behaviour``.
    bought
        Only customers and SKUs of the training purchases are kept.

    Returns
    -------
    pandas.DataFrame
        Distinct ``customer_id, sku``, sorted.

    Raises
    ------
    TableError
        When the table lacks one of the three columns.
    """
    needed = [CUSTOMER, SKU, TIMESTAMP]
    lacking = [name for name in needed if name not in pq.read_schema(path).names]
    if lacking:
        raise TableError(
            f"{path} has no column {', '.join(lacking)}.", f"Map {', '.join(needed)} in the source."
        )
    listed = pd.read_parquet(path, columns=needed)
    held_out = pq.read_table(events, columns=[CUSTOMER, TIMESTAMP], filters=[(SPLIT, "!=", "train")])
    last = _last_training_moment(events)
    listed = listed[listed[CUSTOMER].isin(bought.customers) & listed[SKU].isin(bought.skus)]
    first = held_out.group_by(CUSTOMER).aggregate([(TIMESTAMP, "min")]).to_pandas()
    until = listed[CUSTOMER].map(first.set_index(CUSTOMER)[f"{TIMESTAMP}_min"]).fillna(last)
    # By time the validation window opens for all at once: the newest training purchase bounds everybody.
    early = listed[listed[TIMESTAMP] < until.where(until < last, last)]
    return early[[CUSTOMER, SKU]].drop_duplicates().sort_values([CUSTOMER, SKU], ignore_index=True)


def _last_training_moment(events: Path) -> Any:
    moments = pq.read_table(events, columns=[TIMESTAMP], filters=[(SPLIT, "==", "train")])[TIMESTAMP]
    return pd.Timestamp(pc.max(moments).as_py())
