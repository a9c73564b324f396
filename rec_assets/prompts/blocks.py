"""Customers and their purchases as blocks of arrays, some thousand customers at a time."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tqdm import tqdm

from rec_assets.columns import CUSTOMER, SKU, SPLIT, TIMESTAMP, UNKNOWN
from rec_assets.errors import TableError
from rec_assets.prompts.render import NO_MONTH, Block
from rec_assets.prompts.template import Template

_SPLIT_CODES = pa.array(["train", "validation", "test"])
_BLOCK = 50_000  # customers rendered at once: bounds memory at some hundred MB for long histories


def customer_blocks(
    behaviour: Path, template: Template, *, dated: bool, customer: str | None = None
) -> Iterator[Block]:
    """Read customers in order of their id, with their purchases.

    Parameters
    ----------
    behaviour
        Folder of ``customers.parquet`` and ``events.parquet``.
    template
        Renders the headers. An attribute that customers have no longer is ``unknown``.
    dated
        Whether months are known.
    customer
        Only this one; None: all.

    Raises
    ------
    TableError
        When the purchases are not in order.
    """
    file = behaviour / "customers.parquet"
    told = set(pq.read_schema(file).names)
    columns = [CUSTOMER, *(name for name in template.attributes if name in told)]
    only = [(CUSTOMER, "==", customer)] if customer is not None else None
    customers = pd.read_parquet(file, columns=columns, filters=only)
    customers = customers.reindex(columns=[CUSTOMER, *template.attributes], fill_value=UNKNOWN)
    headers: dict[tuple[object, ...], str] = {}  # few combinations of attributes, many customers
    with tqdm(total=len(customers), desc="prompts", unit=" customers", delay=1) as bar:
        for begin in range(0, len(customers), _BLOCK):
            some = customers.iloc[begin : begin + _BLOCK]
            texts = []
            for values in zip(*(some[name] for name in template.attributes), strict=True):
                if values not in headers:
                    headers[values] = template.render_header(
                        dict(zip(template.attributes, values, strict=True))
                    )
                texts.append(headers[values])
            yield _block(behaviour / "events.parquet", some[CUSTOMER], texts, template, dated=dated)
            bar.update(len(some))


def _block(
    events: Path, ids: "pd.Series[str]", headers: list[str], template: Template, *, dated: bool
) -> Block:
    # Both files are sorted by customer, so only the row groups that hold these customers are read.
    span = [(CUSTOMER, ">=", ids.iloc[0]), (CUSTOMER, "<=", ids.iloc[-1])]
    purchases = pq.read_table(
        events, columns=[CUSTOMER, SKU, TIMESTAMP, SPLIT], filters=span
    ).combine_chunks()
    customers = pa.array(ids, pa.string())
    owner = pc.index_in(purchases[CUSTOMER], customers).to_numpy()
    splits = pc.index_in(purchases[SPLIT], _SPLIT_CODES).to_numpy()
    if ((np.diff(owner) < 0) | ((np.diff(owner) == 0) & (np.diff(splits) < 0))).any():
        raise TableError(
            f"{events} is not in order of customer, split and time.", "Run stage behaviour again."
        )
    moments = purchases[TIMESTAMP].to_numpy()
    months = moments.astype("datetime64[M]").astype(np.int64)
    return Block(
        customers=customers,
        headers=pa.array(headers or [template.render_header({})] * len(ids), pa.string()),
        skus=purchases[SKU].combine_chunks(),
        months=months + 1970 * 12 if dated else np.full(len(months), NO_MONTH),
        starts=np.searchsorted(owner, np.arange(len(ids) + 1)).astype(np.int64),
        splits=splits.astype(np.int64),
        days=moments.astype("datetime64[D]").astype(np.int64),
    )
