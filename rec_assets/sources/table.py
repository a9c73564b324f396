"""Any retailer's CSV or Parquet files, their columns mapped in ``params.yaml`` under ``source.tables``."""

from collections.abc import Mapping
from pathlib import Path

import duckdb
from tqdm import tqdm

from rec_assets.columns import ARTICLES_REQUIRED, CUSTOMER, CUSTOMERS_REQUIRED, TRANSACTIONS_REQUIRED
from rec_assets.errors import ParamsError, TableError
from rec_assets.params import Source, TableMapping
from rec_assets.sources.adapter import ARTICLES_FILE, CUSTOMERS_FILE, TRANSACTIONS_FILE, Imported
from rec_assets.sources.canonical import ARTICLES, CUSTOMERS, TRANSACTIONS, copy_query, write_canonical
from rec_assets.sources.casting import SQL_TYPES, Kind, TextFormat
from rec_assets.sources.opening import OpenFile, connect, find_file, identifier, open_file


def read(folder: Path, out: Path, source: Source) -> Imported:
    """Map the files that ``source.tables`` names; customers without a file are those who bought.

    Raises
    ------
    ParamsError
        When ``source.tables`` is missing, does not map a required column, or names no date format.
    TableError
        When a file or a mapped column is missing, or a file cannot be read.
    """
    if source.tables is None:
        raise ParamsError(
            "source.kind is table, but source.tables in params.yaml is empty.",
            "Name the files and map their columns there; docs/sources.md shows an example.",
        )
    files = []
    tables: list[tuple[str, TableMapping | None, Mapping[str, Kind], tuple[str, ...], str]] = [
        ("transactions", source.tables.transactions, TRANSACTIONS, TRANSACTIONS_REQUIRED, TRANSACTIONS_FILE),
        ("customers", source.tables.customers, CUSTOMERS, CUSTOMERS_REQUIRED, CUSTOMERS_FILE),
        ("articles", source.tables.articles, ARTICLES, ARTICLES_REQUIRED, ARTICLES_FILE),
    ]
    for table, mapping, schema, required, target in tqdm(tables, desc="reading tables", unit="table"):
        if mapping is None:
            write_customers_who_bought(out)
        else:
            files.append(_write(table, mapping, schema, required, folder, out / target))
    return Imported(tuple(files))


def write_customers_who_bought(out: Path) -> None:
    """Write ``customers.parquet`` from the transactions already written: ids only, sorted."""
    bought = str(out / TRANSACTIONS_FILE).replace("'", "''")
    empty = [
        f"CAST(NULL AS {SQL_TYPES[kind]}) AS {identifier(name)}"
        for name, kind in CUSTOMERS.items()
        if name != CUSTOMER
    ]
    copy_query(
        connect(),
        f"SELECT {CUSTOMER}, {', '.join(empty)} "
        f"FROM (SELECT DISTINCT {CUSTOMER} FROM read_parquet('{bought}') "
        f"WHERE {CUSTOMER} IS NOT NULL) ORDER BY {CUSTOMER}",
        out / CUSTOMERS_FILE,
    )


def _write(
    table: str,
    mapping: TableMapping,
    schema: Mapping[str, Kind],
    required: tuple[str, ...],
    folder: Path,
    target: Path,
) -> Path:
    key = f"source.tables.{table}"
    unmapped = [name for name in required if name not in mapping.columns]
    if unmapped:
        raise ParamsError(
            f"{key}.columns does not say which column is {unmapped[0]!r}.",
            f"Add {unmapped[0]}: COLUMN there in params.yaml.",
        )
    path = find_file(folder, [mapping.file])
    connection = connect()
    _check_date_format(connection, mapping.date_format, f"{key}.date_format")
    file = open_file(connection, path, target.parent, mapping.encoding, f"{key}.encoding")
    check_columns(file, mapping.columns, f"{key}.columns")
    try:
        write_canonical(
            connection,
            file,
            mapping.columns,
            schema,
            target,
            form=TextFormat(mapping.date_format, mapping.decimal, mapping.missing),
            cure=f"Map another column under {key}.columns, or say how the file writes it under "
            f"{key}.date_format (strptime) or {key}.decimal.",
        )
    finally:
        for copy in target.parent.glob("*.utf-8.csv"):
            copy.unlink()
    return path


def _check_date_format(connection: duckdb.DuckDBPyConnection, date_format: str | None, key: str) -> None:
    if date_format is None:
        return
    try:
        connection.execute("SELECT try_strptime('', ?)", [date_format])
    except duckdb.Error as error:
        raise ParamsError(
            f"{key} is {date_format!r}, which is no strptime format.",
            "Write it as in %d/%m/%Y, or unix (seconds) or days since 1970, in params.yaml.",
        ) from error


def check_columns(file: OpenFile, mapping: Mapping[str, str], key: str | None) -> None:
    """Check that every mapped column is in the file.

    Raises
    ------
    TableError
        Naming the first that is missing, the columns found, and where to map it.
    """
    for name, column in mapping.items():
        if column not in file.columns:
            raise TableError(
                f"{file.name} has no column {column!r} for {name!r}. "
                f"Columns found: {', '.join(file.columns)}.",
                f"Map it under {key}.{name} in params.yaml."
                if key
                else "Restore the retailer's original column names, or use source.kind: table and map them.",
            )
