"""Stage ``behaviour``: what customers did, as sequences and as features.

Everything here is an Ibis expression; nothing passes through pandas. DuckDB runs it on one machine. On Spark
(Databricks) the same functions take tables of ``ibis.pyspark.connect(session)`` and give the same columns:
:mod:`rec_assets.engine` alone knows which engine it is.

Features of articles and customers are made from purchases whose split is not ``test``; the test purchases are
in ``events.parquet`` as history for the lists shown today, and in nothing else. Attributes that the catalogue
lacks are those that stage ``attribute_heads`` read off the texts.
"""

from functools import partial
from typing import Any

import pandas as pd

from rec_assets.columns import (
    CATEGORY,
    COLOUR,
    CUSTOMER,
    DEPARTMENT,
    POSITION,
    PRICE_TIER,
    PURCHASING_POWER,
    SKU,
    SPLIT,
)
from rec_assets.engine import engine, scan, write_expression
from rec_assets.features.articles import COLUMNS as ARTICLE_COLUMNS
from rec_assets.features.articles import article_features
from rec_assets.features.customers import customer_features
from rec_assets.features.events import SPLIT_ORDER, sequences, with_price_tier
from rec_assets.features.filled import filled_catalogue
from rec_assets.files import atomic_folder, read_json
from rec_assets.params import Params
from rec_assets.pipeline import StageReport
from rec_assets.workspace import Workspace


def run(workspace: Workspace, params: Params) -> StageReport:
    """Write ``events.parquet``, ``articles.parquet`` and ``customers.parquet``."""
    dated = read_json(workspace.splits / "windows.json")["time"] == "date"
    with engine() as connection, atomic_folder(workspace.behaviour) as folder:
        splits = {name: scan(connection, workspace.splits / f"{name}.parquet") for name in SPLIT_ORDER}
        catalogue = scan(connection, workspace.validated / "articles.parquet")
        catalogue = filled_catalogue(connection, catalogue, workspace, (CATEGORY, COLOUR, DEPARTMENT))
        customers = scan(connection, workspace.validated / "customers.parquet")

        ordered = sequences(splits, dated=dated)
        features = article_features(ordered.filter(ordered[SPLIT] != "test"), catalogue, params.behaviour)
        bounded = connection.create_table("articles", features, temp=True)
        events = with_price_tier(ordered, bounded)
        write = partial(write_expression, connection)
        rows = {
            "events": write(events.order_by([CUSTOMER, POSITION]), folder / "events.parquet"),
            "articles": write(bounded.select(*ARTICLE_COLUMNS).order_by(SKU), folder / "articles.parquet"),
        }
        # Customers are made from the written events: sorting all purchases is the costly step.
        written = scan(connection, folder / "events.parquet")
        known = customer_features(written.filter(written[SPLIT] != "test"), written, customers)
        rows["customers"] = write(known.order_by(CUSTOMER), folder / "customers.parquet")
        tables = {
            "price_tiers": _counts(bounded, PRICE_TIER),
            "purchasing_power": _counts(scan(connection, folder / "customers.parquet"), PURCHASING_POWER),
        }
    return StageReport(
        summary=f"{rows['events']:,} purchases of {rows['customers']:,} customers; "
        f"{rows['articles']:,} articles.",
        rows=rows,
        tables=tables,
    )


def _counts(table: Any, column: str) -> pd.DataFrame:
    return table.group_by(column).aggregate(rows=table.count()).order_by(column).to_pandas()
