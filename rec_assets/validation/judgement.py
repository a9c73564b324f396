"""Great Expectations runs the suites over the staged rows and writes the data docs."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from rec_assets.errors import CouturierError
from rec_assets.validation import suites
from rec_assets.validation.kinds import RAW_ROW, Limits, Readable, quoted
from rec_assets.validation.rules import SUITES, TABLES, rules_of
from rec_assets.validation.screening import Screening

SAMPLE_ROWS = 200_000
"""Great Expectations judges larger tables on a sample of this size; DuckDB always judges all rows."""

_SAMPLE_SEED = 7


@dataclass(frozen=True)
class Judgement:
    """What Great Expectations said.

    Parameters
    ----------
    success
        By suite.
    unexpected
        Rows that broke each expectation, by suite and rule, among the rows judged.
    judged
        Rows judged, by table.
    docs
        The data docs' first page.
    """

    success: Mapping[str, bool]
    unexpected: Mapping[str, Mapping[str, int]]
    judged: Mapping[str, int]
    docs: Path


def judge(
    connection: duckdb.DuckDBPyConnection,
    root: Path,
    screenings: Mapping[str, Screening],
    limits: Limits,
    share: float,
    sample_rows: int = SAMPLE_ROWS,
) -> Judgement:
    """Run each table's checkpoint; the data docs afterwards show this run alone.

    Parameters
    ----------
    connection
        Holds the staged views.
    root
        The file context's folder.
    screenings
        Exact counts by table.
    limits
        The run's bounds.
    share
        ``validation.max_quarantined_share``.
    sample_rows
        Largest number of rows judged per table.

    Raises
    ------
    CouturierError
        When an expectation could not be computed.
    """
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    for earlier in ("validations", "data_docs"):
        shutil.rmtree(root / "uncommitted" / earlier, ignore_errors=True)
    context = suites.open_context(root)
    success: dict[str, bool] = {}
    unexpected: dict[str, dict[str, int]] = {}
    judged: dict[str, int] = {}
    for table in TABLES:
        frame = staged_frame(connection, table, screenings[table].raw, sample_rows)
        judged[table] = len(frame)
        outcome = context.checkpoints.get(table).run(
            batch_parameters={"dataframe": frame},
            expectation_parameters=suites.parameters(table, screenings[table], limits, share, len(frame)),
        )
        for result in outcome.run_results.values():
            success[result.suite_name] = bool(result.success)
            unexpected[result.suite_name] = {
                entry.expectation_config.meta[suites.RULE]: _unexpected(result.suite_name, entry)
                for entry in result.results
            }
    # Once, after all checkpoints: an action on each would render the whole site three times.
    context.build_data_docs(site_names=[suites.SITE])
    if missing := set(SUITES) - set(success):
        raise CouturierError(f"No result came back for the suites {', '.join(sorted(missing))}.")
    return Judgement(
        success, unexpected, judged, root / "uncommitted" / "data_docs" / suites.SITE / "index.html"
    )


def staged_frame(
    connection: duckdb.DuckDBPyConnection, table: str, rows: int, sample_rows: int
) -> pd.DataFrame:
    """Fetch the columns that a table's rules look at, of all rows or of a seeded sample.

    Dates beyond the years that pandas' nanoseconds can hold are moved to the nearest it can; they stay out of
    every rule's range.
    """
    wanted: dict[str, None] = {}
    for rule in rules_of(table):
        wanted.update(
            dict.fromkeys([rule.column, rule.as_came] if isinstance(rule, Readable) else [rule.column])
        )
    types = dict(
        connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE staged_{table})").fetchall()
    )
    selected = []
    for name in wanted:
        value = quoted(name)
        if types[name].startswith(("TIMESTAMP", "DATE")):
            value = f"greatest(TIMESTAMP '1700-01-01', least(TIMESTAMP '2250-01-01', {value}::TIMESTAMP))"
            value = f"CASE WHEN {quoted(name)} IS NOT NULL THEN {value} END"
        selected.append(f"{value} AS {quoted(name)}")
    query = f"SELECT {', '.join(selected)} FROM staged_{table}"
    if rows > sample_rows:
        order = f"hash({RAW_ROW}, {_SAMPLE_SEED}), {RAW_ROW}"
        query += (
            f" WHERE {RAW_ROW} IN (SELECT {RAW_ROW} FROM typed_{table} ORDER BY {order} LIMIT {sample_rows})"
        )
    frame = connection.sql(query).df()
    for name in frame.select_dtypes("datetime"):
        frame[name] = frame[name].astype("datetime64[ns]")  # the only unit whose bounds GX reads from text
    return frame


def _unexpected(name: str, entry: Any) -> int:
    if "observed_value" in entry.result:  # a rule about the whole table
        return int(not entry.success)
    if "unexpected_count" not in entry.result:
        raise CouturierError(
            f"Great Expectations could not compute {entry.expectation_config.type} of suite {name}: "
            f"{entry.exception_info}.",
            "Check the versions of great-expectations and pandas against pyproject.toml.",
        )
    return int(entry.result["unexpected_count"])
