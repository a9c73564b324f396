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
from rec_assets.sources.canonical import (
    ARTICLES,
    LIST_PRICE,
    TRANSACTIONS,
    copy_query,
    write_canonical,
    write_frame,
)
from rec_assets.sources.casting import Kind, TextFormat, cast
from rec_assets.sources.opening import connect, find_file, naming, open_file, quoted
from rec_assets.sources.table import check_columns, write_customers_who_bought

PRODUCT_TYPE = "product_type"
BRAND = "brand"
ITEMS: dict[str, Kind] = {
    "item_id": "id",
    "title": "text",
    "brand": "text",
    "categories": "text",
    "price": "number",
}


def read(folder: Path, out: Path, source: Source) -> Imported:
    """Map interactions and items; the price of a purchase is the item's price.

    Raises
    ------
    TableError
        When a file or a column is missing, a table is empty, or no position is a number.
    """
    interactions_path = find_file(folder, ["interactions.parquet"])
    items_path = find_file(folder, ["items.parquet"])
    with tqdm(total=2, desc="reading Amazon tables", unit="table") as progress:
        write_frame(map_items(_read_items(items_path, out)), ARTICLES, out / ARTICLES_FILE)
        progress.update()
        _write_transactions(interactions_path, out)
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
            LIST_PRICE: items["price"].astype(float),
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
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):  # all that it documents
        return [level.strip() for level in written.split(",")]


def _read_items(path: Path, out: Path) -> pd.DataFrame:
    connection = connect()
    file = open_file(connection, path, out)
    check_columns(file, {SKU: "item_id", TITLE: "title", CATEGORY: "categories", PRICE: "price"}, key=None)
    selected = (
        f"{cast(*file.columns[name], kind).typed} AS {name}"
        for name, kind in ITEMS.items()
        if name in file.columns
    )
    with naming(file):
        items = connection.execute(f"SELECT {', '.join(selected)} FROM {file.relation}").df()
    if items.empty:
        raise TableError(f"{path.name} holds no rows.", "Copy the file again, or set source.path to another.")
    return items


def _write_transactions(path: Path, out: Path) -> None:
    connection = connect()
    file = open_file(connection, path, out)
    mapping = {CUSTOMER: "user_id", SKU: "item_id", TIMESTAMP: "position"}
    check_columns(file, mapping, key=None)
    unpriced = out / "unpriced.parquet"
    write_canonical(
        connection,
        file,
        mapping,
        TRANSACTIONS,
        unpriced,
        form=TextFormat(date_format="days"),
        cure="It must hold each purchase's place in its customer's history, from 0.",
    )
    price = f"first({LIST_PRICE} ORDER BY file_row_number) AS {PRICE}"
    copy_query(
        connection,
        f'SELECT {CUSTOMER}, {SKU}, "{TIMESTAMP}", priced.{PRICE}, {CHANNEL} '
        f"FROM read_parquet({quoted(unpriced)}, file_row_number = true) "
        f"LEFT JOIN (SELECT {SKU}, {price} FROM read_parquet({quoted(out / ARTICLES_FILE)}, "
        f"file_row_number = true) GROUP BY {SKU}) AS priced USING ({SKU}) "
        f'ORDER BY {CUSTOMER}, "{TIMESTAMP}", file_row_number',
        out / TRANSACTIONS_FILE,
    )
    unpriced.unlink()
