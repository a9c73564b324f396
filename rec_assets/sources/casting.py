"""From a file's column to a canonical one: what is read as what, and what becomes of cells that cannot be."""

from dataclasses import dataclass
from typing import Literal

from rec_assets.params import MISSING

Kind = Literal["id", "text", "number", "moment", "flag"]
SQL_TYPES: dict[Kind, str] = {
    "id": "VARCHAR",
    "text": "VARCHAR",
    "number": "DOUBLE",
    "moment": "TIMESTAMP",
    "flag": "BOOLEAN",
}
FRACTIONAL = ("FLOAT", "DOUBLE", "DECIMAL")
WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
SECONDS = {"unix": 1, "days": 86_400}  # in one unit of a date_format that counts from 1970
NUMERIC = (*FRACTIONAL, *WHOLE, *(f"U{name}" for name in WHOLE))


@dataclass(frozen=True)
class TextFormat:
    """How a file writes dates and numbers as text.

    Parameters
    ----------
    date_format
        ``strptime`` format, ``unix`` or ``days`` for seconds or days since 1970, or none for ISO 8601.
    decimal
        The decimal mark; of ``.`` and ``,`` the other one may part thousands.
    missing
        What a text cell holds where there is no value; blank cells always count as missing.
    """

    date_format: str | None = None
    decimal: str = "."
    missing: tuple[str, ...] = MISSING


@dataclass(frozen=True)
class Cast:
    """SQL for one canonical column.

    Parameters
    ----------
    text
        The cell as text, ``NULL`` when empty.
    typed
        The cell in its kind's type, ``NULL`` where it cannot be read so.
    certain
        Whether ``typed`` can never fail, so that no row needs a look.
    """

    kind: Kind
    text: str
    typed: str
    certain: bool

    @property
    def bad(self) -> str:
        """A condition: the cell holds something, but nothing of its kind."""
        return f"({self.text}) IS NOT NULL AND ({self.typed}) IS NULL"

    @property
    def mixed(self) -> str:
        """Text that keeps bad cells as they came and writes good ones in ISO form."""
        return f"coalesce(CAST({self.typed} AS VARCHAR), {self.text})"


def cast(expression: str, sql_type: str, kind: Kind, form: TextFormat = TextFormat()) -> Cast:
    """Write the SQL that reads ``expression``, of DuckDB type ``sql_type``, as ``kind``."""
    text = _text(expression, sql_type, form.missing)
    if kind in ("id", "text"):
        typed = f"nullif(trim({text}), '')" if kind == "id" else text
        return Cast(kind, typed, typed, certain=True)
    if kind == "number":
        if sql_type.startswith(NUMERIC):
            number = f"CAST({expression} AS DOUBLE)"
            return Cast(kind, text, f"CASE WHEN isnan({number}) THEN NULL ELSE {number} END", certain=True)
        number = f"TRY_CAST({_plain_number(text, form.decimal)} AS DOUBLE)"
        return Cast(kind, text, f"CASE WHEN isfinite({number}) THEN {number} END", certain=False)
    if kind == "moment":
        if sql_type.startswith("TIMESTAMPTZ_"):  # nanoseconds, as pandas writes them: DuckDB knows one way
            return Cast(kind, text, f"CAST(CAST({expression} AS TIMESTAMPTZ) AS TIMESTAMP)", certain=True)
        if sql_type.startswith(("TIMESTAMP", "DATE")):
            return Cast(kind, text, f"CAST({expression} AS TIMESTAMP)", certain=True)
        moment = _moment(text, form.date_format)
        return Cast(kind, text, f"CASE WHEN isfinite({moment}) THEN {moment} END", certain=False)
    if sql_type == "BOOLEAN":
        return Cast(kind, text, expression, certain=True)
    return Cast(kind, text, f"TRY_CAST({text} AS BOOLEAN)", certain=False)


def moment_from_iso(text: str) -> str:
    """Write the SQL that reads an ISO 8601 date and time, in UTC; one with an offset is turned into it.

    On a connection whose time zone is UTC: DuckDB gives a text without an offset the connection's zone.
    """
    return f"CAST(TRY_CAST({text} AS TIMESTAMPTZ) AS TIMESTAMP)"


def _text(expression: str, sql_type: str, missing: tuple[str, ...]) -> str:
    if sql_type == "VARCHAR":
        markers = ", ".join("'" + marker.strip().replace("'", "''") + "'" for marker in ("", *missing))
        return f"CASE WHEN trim({expression}) NOT IN ({markers}) THEN {expression} END"
    if sql_type.startswith(FRACTIONAL):
        # A column of integers with gaps arrives as floats: 7.0 is the id 7.
        whole = f"CAST(CAST({expression} AS HUGEINT) AS VARCHAR)"
        number = f"CAST({expression} AS DOUBLE)"
        return (
            f"CASE WHEN isnan({number}) THEN NULL "
            f"WHEN abs({number}) < 1e15 AND {number} = trunc({number}) THEN {whole} "
            f"ELSE CAST({expression} AS VARCHAR) END"
        )
    return f"CAST({expression} AS VARCHAR)"


def _plain_number(text: str, decimal: str) -> str:
    """Write the SQL that gives a number without thousands marks and with a decimal point.

    A mark that parts anything but groups of three is none: ``1.5`` under a decimal comma is not read as 1.5
    where ``1.234`` is 1234.
    """
    thousands = "." if decimal == "," else ","
    grouped = f"[+-]?[0-9]{{1,3}}([{thousands}][0-9]{{3}})+([{decimal}][0-9]*)?"
    return (
        f"CASE WHEN regexp_full_match(trim({text}), '{grouped}') "
        f"THEN replace(replace({text}, '{thousands}', ''), '{decimal}', '.') "
        f"WHEN NOT contains({text}, '{thousands}') THEN replace({text}, '{decimal}', '.') END"
    )


def _moment(text: str, date_format: str | None) -> str:
    if date_format is None:
        return moment_from_iso(text)
    if date_format in SECONDS:
        # Beyond the years 1 to 9999 a number is no date, but milliseconds, say, taken for seconds.
        seconds = f"TRY_CAST({text} AS DOUBLE) * {SECONDS[date_format]}"
        moment = f"make_timestamp(TRY_CAST({seconds} * 1000000 AS BIGINT))"
        return f"CASE WHEN {seconds} BETWEEN -62135596800 AND 253402300799 THEN {moment} END"
    quoted = date_format.replace("'", "''")
    return f"CAST(try_strptime({text}, '{quoted}') AS TIMESTAMP)"
