"""H&M's files in their original column names: Parquet, or the CSVs as Kaggle packs them (also gzipped).

``article_id`` comes as a number or as text with or without its leading zeros; the SKU is always the
ten-digit text. Equal purchase rows are several units of one article: all stay. Prices keep H&M's own scale.
"""

from collections.abc import Mapping
from pathlib import Path

from tqdm import tqdm

from rec_assets.columns import (
    AGE,
    CATEGORY,
    CHANNEL,
    COLOUR,
    CUSTOMER,
    DEPARTMENT,
    DESCRIPTION,
    PRICE,
    SKU,
    TIMESTAMP,
    TITLE,
)
from rec_assets.params import Source
from rec_assets.sources.adapter import ARTICLES_FILE, CUSTOMERS_FILE, TRANSACTIONS_FILE, Imported
from rec_assets.sources.canonical import ARTICLES, CUSTOMERS, TRANSACTIONS, write_canonical
from rec_assets.sources.casting import Kind
from rec_assets.sources.opening import connect, find_file, open_file
from rec_assets.sources.table import check_columns

SKU_DIGITS = 10
# A column of integers with gaps that pandas wrote into a CSV ends in ".0".
PADDED = (
    "CASE WHEN regexp_full_match({}, '[0-9]+([.]0)?') "
    f"THEN repeat('0', {SKU_DIGITS} - length(split_part({{}}, '.', 1))) || split_part({{}}, '.', 1) "
    "ELSE {} END"
)
# A flag that is 1 or empty; pandas writes it as 1.0 into a CSV.
YES = "CASE WHEN {} IN ('1', '1.0') THEN 'yes' ELSE {} END"
CHANNEL_NAME = "CASE {} WHEN '1' THEN 'store' WHEN '2' THEN 'online' ELSE {} END"

TRANSACTION_COLUMNS = {
    CUSTOMER: "customer_id",
    SKU: "article_id",
    TIMESTAMP: "t_dat",
    PRICE: "price",
    CHANNEL: "sales_channel_id",
}
CUSTOMER_COLUMNS = {
    CUSTOMER: "customer_id",
    AGE: "age",
    "club_member_status": "club_member_status",
    "fashion_news_frequency": "fashion_news_frequency",
    "fashion_news": "FN",
    "active": "Active",
    "postal_code": "postal_code",
}
ARTICLE_COLUMNS = {
    SKU: "article_id",
    TITLE: "prod_name",
    DESCRIPTION: "detail_desc",
    CATEGORY: "product_type_name",
    COLOUR: "colour_group_name",
    DEPARTMENT: "index_group_name",
    "product": "product_code",
    "product_group": "product_group_name",
    "pattern": "graphical_appearance_name",
    "tone": "perceived_colour_value_name",
    "colour_family": "perceived_colour_master_name",
    "index": "index_name",
    "section": "section_name",
    "garment_group": "garment_group_name",
    "buying_department": "department_name",
}
REQUIRED = {CUSTOMER, SKU, TIMESTAMP, TITLE}

TABLES: tuple[tuple[tuple[str, ...], Mapping[str, str], Mapping[str, Kind], str], ...] = (
    (("transactions", "transactions_train"), TRANSACTION_COLUMNS, TRANSACTIONS, TRANSACTIONS_FILE),
    (("customers",), CUSTOMER_COLUMNS, CUSTOMERS, CUSTOMERS_FILE),
    (("articles",), ARTICLE_COLUMNS, ARTICLES, ARTICLES_FILE),
)


def read(folder: Path, out: Path, source: Source) -> Imported:
    """Map H&M's three files; a Parquet file is preferred to a CSV of the same table.

    Raises
    ------
    TableError
        When a file, or one of the columns that identify a purchase or an article, is missing.
    """
    files = []
    for stems, columns, schema, target in tqdm(TABLES, desc="reading H&M tables", unit="table"):
        path = find_file(
            folder, [stem + suffix for suffix in (".parquet", ".csv", ".csv.gz") for stem in stems]
        )
        connection = connect()
        file = open_file(connection, path, out)
        present = {
            name: column for name, column in columns.items() if name in REQUIRED or column in file.columns
        }
        check_columns(file, present, key=None)
        write_canonical(
            connection,
            file,
            present,
            schema,
            out / target,
            rewrites={SKU: PADDED, CHANNEL: CHANNEL_NAME, "fashion_news": YES, "active": YES},
            cure="Restore the column's original values.",
        )
        files.append(path)
    return Imported(tuple(files))
