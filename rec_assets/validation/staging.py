"""Raw Parquet files seen through DuckDB with strict types, the value as it came beside each that may fail."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import psutil

from rec_assets import columns as c
from rec_assets.errors import TableError
from rec_assets.sources.casting import moment_from_iso
from rec_assets.validation.kinds import KEPT_ROW, RAW_JSON, RAW_ROW, SAME_AS_KEPT, Limits, as_came, quoted
from rec_assets.validation.rules import (
    KEPT_ARTICLE,
    KEPT_CUSTOMER,
    KNOWN_CUSTOMER,
    KNOWN_SKU,
    TABLES,
    rules_of,
)

REQUIRED = {
    "transactions": c.TRANSACTIONS_REQUIRED,
    "customers": c.CUSTOMERS_REQUIRED,
    "articles": c.ARTICLES_REQUIRED,
}
OPTIONAL: dict[str, tuple[str, ...]] = {
    "transactions": c.TRANSACTIONS_OPTIONAL,
    "customers": (c.AGE, c.COUNTRY, c.GENDER),
    "articles": c.ARTICLES_OPTIONAL,
}
TYPES = {
    c.TIMESTAMP: "TIMESTAMP",
    c.PRICE: "DOUBLE",
    c.AGE: "DOUBLE",
    c.INTRODUCED: "TIMESTAMP",
    c.AVAILABLE: "BOOLEAN",
}
KEYS = {"customers": (c.CUSTOMER, KEPT_CUSTOMER), "articles": (c.SKU, KEPT_ARTICLE)}

_NUMBERS = {"DOUBLE", "FLOAT", "DECIMAL"} | {
    sign + size for sign in ("", "U") for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
}


@dataclass(frozen=True)
class Column:
    """A column of a raw table: its name and its DuckDB type there."""

    name: str
    type: str

    @property
    def float(self) -> bool:
        """Whether it can hold NaN."""
        return self.type in ("DOUBLE", "FLOAT")


@contextmanager
def engine(spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an in-memory DuckDB that spills below ``spill`` and leaves half of the free memory to others.

    Raises
    ------
    TableError
        When a query fails inside the block: a damaged file, a full disk, too little memory.
    """
    spill.mkdir(parents=True, exist_ok=True)
    half = psutil.virtual_memory().available // 2
    with TemporaryDirectory(dir=spill, prefix=".spill-") as folder:
        connection = duckdb.connect(config={"temp_directory": folder, "memory_limit": f"{half // 2**20}MiB"})
        try:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection
        except duckdb.Error as error:
            raise TableError(
                f"DuckDB stopped while it checked the raw tables: {error}.",
                f"Free memory, or disk below {spill}; write a damaged file again: couturier stage raw_data.",
            ) from error
        finally:
            connection.close()


def stage_tables(connection: duckdb.DuckDBPyConnection, raw: Path, limits: Limits) -> dict[str, list[str]]:
    """Create a view ``staged_<table>`` over each raw table.

    A view holds :data:`~rec_assets.validation.kinds.RAW_ROW`, every column with its strict type,
    :func:`~rec_assets.validation.kinds.as_came` of those that may fail to be read, the Boolean columns that
    :class:`~rec_assets.validation.kinds.Holds` rules judge, and ``RAW_JSON``.

    Returns
    -------
    dict
        The validated table's columns, in order, by table.

    Raises
    ------
    TableError
        When a file is missing, is no Parquet, or lacks a required column.
    """
    found = {table: _columns(connection, raw / f"{table}.parquet", table) for table in TABLES}
    for table in TABLES:
        _create_typed(connection, raw / f"{table}.parquet", table, found[table])
    for table, (key, kept) in KEYS.items():
        _create_unique(connection, table, key, kept, limits, _canonical(table, found[table]))
        connection.execute(
            f"CREATE TEMP TABLE known_{table} AS "
            f"SELECT DISTINCT {key} FROM typed_{table} WHERE {key} IS NOT NULL"
        )
    connection.execute(
        f"CREATE VIEW staged_transactions AS SELECT *, "
        f"({c.SKU} IS NULL OR {c.SKU} IN (SELECT {c.SKU} FROM known_articles)) AS {KNOWN_SKU}, "
        f"({c.CUSTOMER} IS NULL OR {c.CUSTOMER} IN (SELECT {c.CUSTOMER} FROM known_customers)) "
        f"AS {KNOWN_CUSTOMER} FROM typed_transactions"
    )
    return {table: _canonical(table, found[table]) for table in TABLES}


def _columns(connection: duckdb.DuckDBPyConnection, file: Path, table: str) -> list[Column]:
    if not file.exists():
        raise TableError(
            f"{file} does not exist.", "Run the stage before this one: couturier stage raw_data."
        )
    try:
        described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(file)]).fetchall()
    except duckdb.Error as error:
        raise TableError(
            f"{file} is not a readable Parquet file: {error}.", "Write it again: couturier stage raw_data."
        ) from error
    found = [Column(row[0], row[1]) for row in described]
    names = [column.name for column in found]
    if missing := [name for name in REQUIRED[table] if name not in names]:
        raise TableError(
            f"{file} has no column {', '.join(missing)}. Columns found: {', '.join(names)}.",
            "Map it in params.yaml under source, then run: couturier stage raw_data.",
        )
    return found


def _canonical(table: str, found: Sequence[Column]) -> list[str]:
    canonical = [*REQUIRED[table], *OPTIONAL[table]]
    return canonical + [column.name for column in found if column.name not in canonical]


def _create_typed(
    connection: duckdb.DuckDBPyConnection, file: Path, table: str, found: Sequence[Column]
) -> None:
    raw = {column.name: column for column in found}
    identifiers = REQUIRED[table][:1] if table != "transactions" else (c.CUSTOMER, c.SKU)
    select = [f"file_row_number AS {RAW_ROW}", f"{_json(found)} AS {RAW_JSON}"]
    for name in _canonical(table, found):
        column = raw.get(name, Column(name, '"NULL"'))
        source = quoted(name) if name in raw else "NULL"
        if name in TYPES:
            came = _as_came(source, column, TYPES[name])
            select.append(f"{came} AS {quoted(as_came(name))}")
            select.append(f"{_read(came, column, TYPES[name])} AS {quoted(name)}")
        elif name in (*identifiers, c.TITLE):
            text = f"CAST({source} AS VARCHAR)"
            select.append(f"CASE WHEN trim({text}) <> '' THEN {text} END AS {quoted(name)}")
        elif name in OPTIONAL[table]:
            select.append(f"CAST({source} AS VARCHAR) AS {quoted(name)}")
        else:  # the retailer's further attributes keep the type their adapter gave them
            select.append(quoted(name))
    path = str(file).replace("'", "''")
    connection.execute(
        f"CREATE VIEW typed_{table} AS SELECT {', '.join(select)} "
        f"FROM read_parquet('{path}', file_row_number = true)"
    )


def _native(column: Column, target: str) -> bool:
    if target == "DOUBLE":
        return column.type.partition("(")[0] in _NUMBERS
    if target == "TIMESTAMP":
        return column.type.startswith("TIMESTAMP") or column.type == "DATE"
    return column.type == "BOOLEAN"


def _as_came(source: str, column: Column, target: str) -> str:
    if column.float:
        source = f"CASE WHEN NOT isnan({source}) THEN {source} END"
    if _native(column, target):
        return source
    text = f"CAST({source} AS VARCHAR)"
    return f"CASE WHEN trim({text}) <> '' THEN {text} END"


def _read(came: str, column: Column, target: str) -> str:
    if _native(column, target):
        return f"CAST({came} AS {target})"
    return moment_from_iso(came) if target == "TIMESTAMP" else f"TRY_CAST(trim({came}) AS {target})"


def _json(found: Sequence[Column]) -> str:
    members = []
    for column in found:
        value = quoted(column.name)
        if column.float:  # JSON has no NaN or infinity: those are kept as text
            text = f"to_json(CAST({value} AS VARCHAR))"
            value = f"CASE WHEN isfinite({value}) THEN to_json({value}) ELSE {text} END"
        name = column.name.replace("'", "''")
        members.append(f"'{name}', {value}")
    return f"json_object({', '.join(members)})"


def _create_unique(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    key: str,
    kept: str,
    limits: Limits,
    names: Sequence[str],
) -> None:
    """Of rows with one key, the one with the fewest gaps is kept; of equals, the first."""
    cleared = rules_of(table, "clear")
    gaps = []
    for name in names:
        bad = [f"NOT {rule.holds(limits)}" for rule in cleared if rule.column == name]
        gaps.append(f"CAST({' OR '.join([f'{quoted(name)} IS NULL', *bad])} AS INTEGER)")
    window = f"OVER (PARTITION BY {key} ORDER BY {' + '.join(gaps)}, {RAW_ROW})"
    fingerprint = f"hash({', '.join(map(quoted, names))})"
    connection.execute(
        f"CREATE VIEW staged_{table} AS SELECT *, ({key} IS NULL OR {KEPT_ROW} = {RAW_ROW}) AS {kept} FROM ("
        f"SELECT *, first_value({RAW_ROW}) {window} AS {KEPT_ROW}, "
        f"{fingerprint} = first_value({fingerprint}) {window} AS {SAME_AS_KEPT} FROM typed_{table})"
    )
