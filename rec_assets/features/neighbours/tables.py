"""The tables of stage ``neighbours``: their names, columns and writing.

Every table is long, a row a pair, sorted by its first column and then from the nearest on::

    similar_items(sku, similar_sku, together, in_words, weight)
    similar_customers(customer_id, similar_customer_id, similarity)
    from_similar_customers(customer_id, sku, weight)
    interest_clusters(customer_id, interest_cluster)
    cluster_articles(interest_cluster, sku, weight)
    wish_list(customer_id, sku, weight)      where the retailer has one
    own_basket(customer_id, sku, weight)     where the retailer has one
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from rec_assets.files import atomic_file

SIMILAR_ITEMS = "similar_items"
SIMILAR_CUSTOMERS = "similar_customers"
FROM_SIMILAR_CUSTOMERS = "from_similar_customers"
INTEREST_CLUSTERS = "interest_clusters"
CLUSTER_ARTICLES = "cluster_articles"
WISH_LIST = "wish_list"
OWN_BASKET = "own_basket"

SIMILAR_SKU = "similar_sku"
SIMILAR_CUSTOMER = "similar_customer_id"
TOGETHER = "together"  # damped cosine of the customers who bought both; 0 where nobody did
IN_WORDS = "in_words"  # cosine of the two texts; 0 where they are not near
SIMILARITY = "similarity"  # cosine of two customers' vectors
INTEREST_CLUSTER = "interest_cluster"
WEIGHT = "weight"  # how much more likely an entry is drawn than another one of its list

Integers = npt.NDArray[np.int64]
Column = npt.NDArray[Any] | tuple[npt.NDArray[np.object_], Integers]
_ROW_GROUP = 1_000_000  # long customer ids of more rows would not fit one array of strings


def write_columns(columns: dict[str, Column], path: Path) -> int:
    """Write columns of numbers, or of names given as ``(names, places in them)``; give the number of rows."""
    first = next(iter(columns.values()))
    rows = len(first[1]) if isinstance(first, tuple) else len(first)
    schema = pa.schema(
        [
            (name, pa.string() if isinstance(column, tuple) else pa.from_numpy_dtype(column.dtype))
            for name, column in columns.items()
        ]
    )
    texts = {
        name: pa.array(column[0], pa.string())
        for name, column in columns.items()
        if isinstance(column, tuple)
    }
    with atomic_file(path) as part, pq.ParquetWriter(part, schema, compression="zstd") as writer:
        for begin in range(0, max(rows, 1), _ROW_GROUP):
            some = slice(begin, begin + _ROW_GROUP)
            arrays = [
                texts[name].take(pa.array(column[1][some]))
                if isinstance(column, tuple)
                else pa.array(column[some])
                for name, column in columns.items()
            ]
            writer.write_table(pa.table(arrays, schema=schema), row_group_size=_ROW_GROUP)
    return rows
