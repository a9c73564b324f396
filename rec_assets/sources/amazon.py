"""Amazon 5-core files that know the order of each customer's purchases but not their time.

``interactions.parquet(user_id, item_id, position)`` and
``items.parquet(item_id, title, brand, categories, price)``. Position ``n`` becomes the n-th day after
1970-01-01, so that order survives and nothing else is claimed: ``source.json`` says ``"time": "order"``.

``categories`` is a path such as ``'Beauty', 'Makeup', 'Face', 'Powder'``: its second level is the department,
its third the category (a few dozen, each with enough items to be told apart), its last the product type.
"""

import ast
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from rec_assets.columns import (
    AVAILABLE,
    CATEGORY,
    CHANNEL,
    COLOUR,
    CUSTOMER,
    DEPARTMENT,
    DESCRIPTION,
    INTRODUCED,
    PRICE,
    SKU,
    TIMESTAMP,
    TITLE,
    UNKNOWN,
)
from rec_assets.errors import TableError
from rec_assets.params import Source
from rec_assets.sources.adapter import ARTICLES_FILE, TRANSACTIONS_FILE, Imported
from rec_assets.sources.canonical import ARTICLES, LIST_PRICE, TRANSACTIONS, write_frame
from rec_assets.sources.opening import connect, find_file, open_file
from rec_assets.sources.table import check_columns, write_customers_who_bought

PRODUCT_TYPE = "product_type"
BRAND = "brand"


def read(folder: Path, out: Path, source: Source) -> Imported:
    """Map interactions and items; the price of a purchase is the item's price.

    Raises
    ------
    TableError
        When a file or a column is missing, or a table is empty.
    """
    interactions_path = find_file(folder, ["interactions.parquet"])
    items_path = find_file(folder, ["items.parquet"])
    with tqdm(total=2, desc="reading Amazon tables", unit="table") as progress:
        items = _read(
            items_path, out, {SKU: "item_id", TITLE: "title", CATEGORY: "categories", PRICE: "price"}
        )
        articles = map_items(items)
        write_frame(articles, ARTICLES, out / ARTICLES_FILE)
        progress.update()
        interactions = _read(
            interactions_path, out, {CUSTOMER: "user_id", SKU: "item_id", TIMESTAMP: "position"}
        )
        position = pd.to_numeric(interactions["position"], errors="coerce")
        if position.isna().all():
            raise TableError(
                f"{interactions_path.name}: column 'position' holds no numbers.",
                "It must hold each purchase's place in its customer's history, from 0.",
            )
        prices = articles.drop_duplicates(SKU).set_index(SKU)[LIST_PRICE]
        transactions = pd.DataFrame(
            {
                CUSTOMER: interactions["user_id"].astype("string"),
                SKU: interactions["item_id"].astype("string"),
                TIMESTAMP: pd.to_datetime(position, unit="D").astype("datetime64[us]"),
            }
        )
        transactions[PRICE] = transactions[SKU].map(prices).astype(float)
        transactions[CHANNEL] = pd.Series(pd.NA, index=transactions.index, dtype="string")
        transactions = transactions.sort_values([CUSTOMER, TIMESTAMP], kind="stable", ignore_index=True)
        write_frame(transactions, TRANSACTIONS, out / TRANSACTIONS_FILE)
        progress.update()
    write_customers_who_bought(out)
    return Imported((interactions_path, items_path), time="order")


def map_items(items: pd.DataFrame) -> pd.DataFrame:
    """Map items to articles, one row each; an item without a title keeps its place as ``unknown``."""
    paths = items["categories"].map(category_path)
    return pd.DataFrame(
        {
            SKU: items["item_id"].astype("string"),
            TITLE: items["title"].fillna(UNKNOWN).astype(str),
            DESCRIPTION: pd.Series(pd.NA, index=items.index, dtype="string"),
            CATEGORY: paths.map(lambda path: path[min(2, len(path) - 1)] if path else None).astype("string"),
            COLOUR: pd.Series(pd.NA, index=items.index, dtype="string"),
            DEPARTMENT: paths.map(lambda path: path[min(1, len(path) - 1)] if path else None).astype(
                "string"
            ),
            INTRODUCED: pd.Series(pd.NaT, index=items.index).astype("datetime64[us]"),
            AVAILABLE: True,
            BRAND: items.get("brand", pd.Series(pd.NA, index=items.index)).astype("string"),
            PRODUCT_TYPE: paths.map(lambda path: path[-1] if path else None).astype("string"),
            LIST_PRICE: pd.to_numeric(items["price"], errors="coerce").astype(float),
        }
    )


def category_path(written: object) -> list[str]:
    """Split a category path, root first; empty when it is missing.

    Examples
    --------
    >>> category_path("'Beauty', 'Makeup', 'Face'")
    ['Beauty', 'Makeup', 'Face']
    """
    if not isinstance(written, str) or not written.strip():
        return []
    try:
        return [str(level) for level in ast.literal_eval(f"[{written.strip('[]')}]")]
    except (SyntaxError, ValueError):
        return [level.strip() for level in written.split(",")]


def _read(path: Path, scratch: Path, needed: dict[str, str]) -> pd.DataFrame:
    check_columns(open_file(connect(), path, scratch), needed, key=None)
    frame = pd.read_parquet(path)
    if frame.empty:
        raise TableError(f"{path.name} holds no rows.", "Copy the file again, or set source.path to another.")
    return frame
