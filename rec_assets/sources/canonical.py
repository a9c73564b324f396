"""Writing one canonical table from one of the retailer's files, in SQL, at any size."""

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pandas as pd

from rec_assets.columns import (
    AGE,
    AVAILABLE,
    CATEGORY,
    CHANNEL,
    COLOUR,
    COUNTRY,
    CUSTOMER,
    DEPARTMENT,
    DESCRIPTION,
    GENDER,
    INTRODUCED,
    PRICE,
    SKU,
    TIMESTAMP,
    TITLE,
)
from rec_assets.errors import TableError
from rec_assets.files import unwritable
from rec_assets.sources.casting import SQL_TYPES, Kind, TextFormat, cast
from rec_assets.sources.opening import OpenFile, connect, identifier, naming

LIST_PRICE = "list_price"  # the catalogue's price, where the source states one

TRANSACTIONS: dict[str, Kind] = {
    CUSTOMER: "id",
    SKU: "id",
    TIMESTAMP: "moment",
    PRICE: "number",
    CHANNEL: "text",
}
CUSTOMERS: dict[str, Kind] = {CUSTOMER: "id", AGE: "number", COUNTRY: "text", GENDER: "text"}
ARTICLES: dict[str, Kind] = {
    SKU: "id",
    TITLE: "text",
    DESCRIPTION: "text",
    CATEGORY: "text",
    COLOUR: "text",
    DEPARTMENT: "text",
    INTRODUCED: "moment",
    AVAILABLE: "flag",
}
OTHER_KINDS: dict[str, Kind] = {LIST_PRICE: "number"}
NOUNS: dict[Kind, str] = {"number": "a number", "moment": "a date", "flag": "true or false"}


def write_canonical(
    connection: duckdb.DuckDBPyConnection,
    file: OpenFile,
    mapping: Mapping[str, str],
    schema: Mapping[str, Kind],
    target: Path,
    *,
    form: TextFormat = TextFormat(),  # noqa: B008
    rewrites: Mapping[str, str] | None = None,
    cure: str = "",
) -> int:
    """Write every row of ``file`` as a canonical table.

    Canonical columns that the mapping lacks are created empty (``available`` true); mapped names outside the
    schema become text attributes. A column in which some cells are not of its kind is written as text with
    those cells as they came, for validation to set their rows aside.

    Parameters
    ----------
    connection, file
        The opened file and its connection.
    mapping
        Canonical name: the file's column. Every column named must exist.
    schema
        The table's canonical columns and their kinds.
    target
        The Parquet file to write.
    form
        How the file writes dates and numbers.
    rewrites
        Canonical text column: SQL around ``{}``, the cell as text.
    cure
        What to do when a whole column cannot be read.

    Returns
    -------
    int
        Rows written, which is the rows in the file.

    Raises
    ------
    TableError
        When the file holds no rows, a malformed line, a damaged page, or a column without one cell of its
        kind.
    """
    kinds = {**schema, **{name: OTHER_KINDS.get(name, "text") for name in mapping if name not in schema}}
    casts = {name: cast(*file.columns[column], kinds[name], form) for name, column in mapping.items()}
    doubtful = [name for name in casts if not casts[name].certain]
    counts = ", ".join(
        f"count({casts[name].text}), count(*) FILTER ({casts[name].bad}), "
        f"min({casts[name].text}) FILTER ({casts[name].bad})"
        for name in doubtful
    )
    with naming(file):
        row = connection.execute(
            f"SELECT count(*){', ' + counts if counts else ''} FROM {file.relation}"
        ).fetchone()
    assert row is not None  # an aggregate without groups always gives one row
    if not row[0]:
        raise TableError(f"{file.name} holds no rows.", "Export it again, or set source.path to other files.")
    mixed = set()
    for place, name in enumerate(doubtful):
        filled, bad, example = row[1 + 3 * place : 4 + 3 * place]
        if bad and bad == filled:
            raise TableError(
                f"{file.name}: none of the {filled:,} values of column {mapping[name]!r} for {name!r} is "
                f"{NOUNS[kinds[name]]} (one is {example[:40]!r}).",
                cure,
            )
        if bad:
            mixed.add(name)

    selected = []
    for name, kind in kinds.items():
        if name not in casts:
            value = "true" if name == AVAILABLE else f"CAST(NULL AS {SQL_TYPES[kind]})"
        else:
            value = casts[name].mixed if name in mixed else casts[name].typed
            if rewrites and name in rewrites:
                value = rewrites[name].replace("{}", value)
            if name == AVAILABLE:
                value = f"coalesce({value}, {chr(39) + 'true' + chr(39) if name in mixed else 'true'})"
        selected.append(f"{value} AS {identifier(name)}")
    with naming(file):
        copy_query(connection, f"SELECT {', '.join(selected)} FROM {file.relation}", target)
    return int(row[0])


def write_frame(frame: pd.DataFrame, schema: Mapping[str, Kind], target: Path) -> None:
    """Write a frame as a canonical table: the types are the schema's, even of a column that is all empty."""
    connection = connect()
    connection.register("frame", frame)
    columns = (
        f"CAST({identifier(name)} AS {SQL_TYPES[schema.get(name, OTHER_KINDS.get(name, 'text'))]}) "
        f"AS {identifier(name)}"
        for name in frame.columns
    )
    copy_query(connection, f"SELECT {', '.join(columns)} FROM frame", target)


def copy_query(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> None:
    """Write a query's rows, in its order, as Parquet.

    Raises
    ------
    CouturierError
        When the file cannot be written, as on a full disk.
    """
    destination = str(target).replace("'", "''")
    try:
        connection.execute(f"COPY ({query}) TO '{destination}' (FORMAT parquet, COMPRESSION zstd)")
    except duckdb.IOException as error:
        if str(target) in str(error):
            raise unwritable(target, error) from error
        raise
