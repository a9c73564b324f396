"""Every row of a raw table goes to one of two places: validated, or quarantine with the reason."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from rec_assets import columns as c
from rec_assets.errors import CouturierError
from rec_assets.files import atomic_file
from rec_assets.validation.kinds import RAW_JSON, RAW_ROW, Action, Limits, Rule, quoted
from rec_assets.validation.rules import rules_of

ORDER = {
    "transactions": (c.TIMESTAMP, c.CUSTOMER, RAW_ROW),
    "customers": (c.CUSTOMER,),
    "articles": (c.SKU,),
}
ATTRIBUTES = "attributes"  # quarantine file of values cleared from rows that were kept

_ROW_GROUP = 250_000


@dataclass(frozen=True)
class Broken:
    """How many rows of a table a rule judges, and how many of those break it."""

    judged: int
    broken: int


@dataclass(frozen=True)
class Screening:
    """Where the rows of one raw table went.

    Parameters
    ----------
    raw, validated, quarantined
        Rows; ``raw = validated + quarantined``.
    rules
        Outcome of each of the table's rules, by name.
    newest
        ISO date and time of the newest good purchase; none for other tables or where there is none.
    """

    raw: int
    validated: int
    quarantined: int
    rules: Mapping[str, Broken]
    newest: str | None = None

    @property
    def quarantined_share(self) -> float:
        """Share of the raw rows that are in quarantine; 0 for an empty table."""
        return self.quarantined / self.raw if self.raw else 0.0


def screen(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    names: Sequence[str],
    limits: Limits,
    validated: Path,
    quarantine: Path,
) -> Screening:
    """Write a staged table's good rows and its bad rows.

    Parameters
    ----------
    connection
        Holds the views of :func:`rec_assets.validation.staging.stage_tables`.
    table
        Which of them.
    names
        Columns of the validated table, in order.
    limits
        The run's bounds.
    validated, quarantine
        Folders; each gets ``<table>.parquet``.

    Raises
    ------
    CouturierError
        When the rows written do not add up to the rows read.
    """
    screening = _count(connection, table, limits)
    good = _good(rules_of(table, "quarantine"), limits)
    order = ", ".join(ORDER[table])
    selected = _selected(table, names, limits)
    kept = f"SELECT {selected} FROM staged_{table} WHERE {good} ORDER BY {order}"
    written = write_query(connection, kept, validated / f"{table}.parquet")
    bad = set_aside(table, "quarantine", limits)
    aside = write_query(connection, bad, quarantine / f"{table}.parquet")
    if (written, aside) != (screening.validated, screening.quarantined):
        raise CouturierError(
            f"{table}: {screening.raw} rows were read, but {written} were validated and {aside} quarantined.",
            "The raw table changed while it was read: run couturier stage validated_data again.",
        )
    return screening


def write_cleared(connection: duckdb.DuckDBPyConnection, limits: Limits, quarantine: Path) -> int:
    """Write rows that were kept without an attribute to ``attributes.parquet``; give their number."""
    kept = []
    for table in ("customers", "articles"):
        good = _good(rules_of(table, "quarantine"), limits)
        kept.append(f"({set_aside(table, 'clear', limits, among=good)})")
    return write_query(connection, " UNION ALL ".join(kept), quarantine / f"{ATTRIBUTES}.parquet")


def set_aside(table: str, action: Action, limits: Limits, among: str = "true") -> str:
    """Give SQL for a table's quarantine rows (``table, expectation, reason, row``) in the raw file's order.

    ``expectation`` is the first rule that the row breaks; ``reason`` says all of them with the values.
    """
    rules = rules_of(table, action)
    first = " ".join(f"WHEN NOT {rule.holds(limits)} THEN '{rule.name}'" for rule in rules)
    reasons = ", ".join(f"CASE WHEN NOT {rule.holds(limits)} THEN {_reason(rule)} END" for rule in rules)
    return (
        f"SELECT '{table}' AS {quoted(c.TABLE)}, CASE {first} END AS {c.EXPECTATION}, "
        f"concat_ws('; ', {reasons}) AS {c.REASON}, CAST({RAW_JSON} AS VARCHAR) AS {quoted(c.ROW)} "
        f"FROM staged_{table} WHERE NOT ({_good(rules, limits)}) AND {among} ORDER BY {RAW_ROW}"
    )


def write_query(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> int:
    """Stream a query's result to Parquet in row groups of one size, so that equal rows give equal bytes.

    Returns
    -------
    int
        Rows written.
    """
    reader = connection.sql(query).to_arrow_reader(_ROW_GROUP)
    rows = 0
    with atomic_file(path) as part, pq.ParquetWriter(part, reader.schema, compression="zstd") as writer:
        for group in _regrouped(reader):
            writer.write_table(group, row_group_size=_ROW_GROUP)
            rows += group.num_rows
    return rows


def _regrouped(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """DuckDB's batches may end early; row groups must not depend on where."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        while (held := sum(part.num_rows for part in waiting)) >= _ROW_GROUP:
            table = pa.Table.from_batches(waiting)
            yield table.slice(0, _ROW_GROUP)
            waiting = table.slice(_ROW_GROUP).to_batches() if held > _ROW_GROUP else []
    if waiting:
        yield pa.Table.from_batches(waiting)


def _count(connection: duckdb.DuckDBPyConnection, table: str, limits: Limits) -> Screening:
    rules = rules_of(table)
    good = _good(rules_of(table, "quarantine"), limits)
    wanted = ["count(*)", f"count(*) FILTER (WHERE {good})"]
    wanted.append(f"max({c.TIMESTAMP}) FILTER (WHERE {good})" if table == "transactions" else "NULL")
    for rule in rules:
        wanted.append(f"count(*) FILTER (WHERE {rule.judged()})")
        wanted.append(f"count(*) FILTER (WHERE NOT {rule.holds(limits)})")
    [counts] = connection.execute(f"SELECT {', '.join(wanted)} FROM staged_{table}").fetchall()
    raw, kept, newest, *pairs = counts
    broken = {
        rule.name: Broken(*pair)
        for rule, pair in zip(rules, zip(pairs[::2], pairs[1::2], strict=True), strict=True)
    }
    return Screening(raw, kept, raw - kept, broken, newest.isoformat() if newest else None)


def _good(rules: Sequence[Rule], limits: Limits) -> str:
    return " AND ".join(rule.holds(limits) for rule in rules) or "true"


def _selected(table: str, names: Sequence[str], limits: Limits) -> str:
    cleared = rules_of(table, "clear")
    selected = []
    for name in names:
        value = quoted(name)
        if bad := [f"NOT {rule.holds(limits)}" for rule in cleared if rule.column == name]:
            value = f"CASE WHEN {' OR '.join(bad)} THEN NULL ELSE {value} END"
        if name == c.AVAILABLE:  # on sale unless the retailer says otherwise
            value = f"coalesce({value}, true)"
        selected.append(f"{value} AS {quoted(name)}")
    return ", ".join(selected)


def _reason(rule: Rule) -> str:
    meaning = rule.meaning.replace("'", "''")
    shown = rule.shown()
    return f"'{meaning}'" if shown == "''" else f"'{meaning}: ' || {shown}"
