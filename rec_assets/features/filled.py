"""Attributes that the catalogue lacks and a classifier read off the articles' texts."""

from pathlib import Path
from typing import Any

import pandas as pd

from rec_assets.columns import SKU, UNKNOWN
from rec_assets.engine import scan
from rec_assets.features.missing import or_unknown
from rec_assets.files import read_table
from rec_assets.params import OWN_NAMES
from rec_assets.workspace import Workspace

_VALUE = f"{OWN_NAMES}filled"


def filled_path(workspace: Workspace) -> Path:
    """Where ``attribute_heads`` writes ``sku, column, value, probability, kept``."""
    return workspace.data / "features" / "filled_attributes.parquet"


def filled_articles(articles: pd.DataFrame, workspace: Workspace) -> tuple[pd.DataFrame, int]:
    """Put kept values where the catalogue has none; what it says is never changed.

    Parameters
    ----------
    articles
        The catalogue.
    workspace
        Where no table of filled values lies, nothing is filled.

    Returns
    -------
    tuple
        The catalogue, and how many values were put in.
    """
    path = filled_path(workspace)
    if not path.exists():
        return articles, 0
    table = read_table(path)
    articles, count = articles.copy(), 0
    for column, rows in table[table["kept"]].groupby("column", sort=True):
        if column not in articles:
            continue
        said = articles[column].astype("string").str.strip().fillna("")
        read = articles[SKU].map(rows.set_index(SKU)["value"]).astype(object)
        lacking = (said.eq("") | said.eq(UNKNOWN)) & read.notna()
        articles[column] = articles[column].astype(object).where(~lacking, read)
        count += int(lacking.sum())
    return articles, count


def filled_catalogue(connection: Any, catalogue: Any, workspace: Workspace, columns: tuple[str, ...]) -> Any:
    """Do the same to an Ibis table, for the named columns."""
    path = filled_path(workspace)
    if not path.exists():
        return catalogue
    filled = scan(connection, path)
    for column in columns:
        kept = filled.filter(filled["kept"] & (filled["column"] == column))
        joined = catalogue.left_join(kept.select(SKU, **{_VALUE: kept["value"]}), SKU).drop(f"{SKU}_right")
        own = or_unknown(joined[column])
        catalogue = joined.mutate(
            **{column: (own == UNKNOWN).ifelse(joined[_VALUE].fill_null(UNKNOWN), own)}
        ).drop(_VALUE)
    return catalogue
