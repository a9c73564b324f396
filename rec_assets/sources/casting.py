"""From a file's column to a canonical one: what is read as what, and what becomes of cells that cannot be."""

from dataclasses import dataclass
from typing import Literal

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
NUMERIC = (*FRACTIONAL, *WHOLE, *(f"U{name}" for name in WHOLE))


@dataclass(frozen=True)
class TextFormat:
    """How a file writes dates and numbers as text.

    Parameters
    ----------
    date_format
        ``strptime`` format, ``unix`` for seconds since 1970, or none for ISO 8601.
    decimal
        The decimal mark.
    """

    date_format: str | None = None
    decimal: str = "."


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
    text = _text(expression, sql_type)
    if kind in ("id", "text"):
        typed = f"nullif(trim({text}), '')" if kind == "id" else text
        return Cast(kind, typed, typed, certain=True)
    if kind == "number":
        if sql_type.startswith(NUMERIC):
            number = f"CAST({expression} AS DOUBLE)"
            return Cast(kind, text, f"CASE WHEN isnan({number}) THEN NULL ELSE {number} END", certain=True)
        written = f"replace({text}, ',', '.')" if form.decimal == "," else text
        number = f"TRY_CAST({written} AS DOUBLE)"
        return Cast(kind, text, f"CASE WHEN isfinite({number}) THEN {number} END", certain=False)
    if kind == "moment":
        if sql_type.startswith(("TIMESTAMP", "DATE")):
            return Cast(kind, text, f"CAST({expression} AS TIMESTAMP)", certain=True)
        moment = _moment(text, form.date_format)
        return Cast(kind, text, f"CASE WHEN isfinite({moment}) THEN {moment} END", certain=False)
    if sql_type == "BOOLEAN":
        return Cast(kind, text, expression, certain=True)
    return Cast(kind, text, f"TRY_CAST({text} AS BOOLEAN)", certain=False)


def _text(expression: str, sql_type: str) -> str:
    if sql_type == "VARCHAR":
        return f"nullif({expression}, '')"
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


def _moment(text: str, date_format: str | None) -> str:
    if date_format is None:
        return f"TRY_CAST({text} AS TIMESTAMP)"
    if date_format == "unix":
        return f"make_timestamp(CAST(TRY_CAST({text} AS DOUBLE) * 1000000 AS BIGINT))"
    return "try_strptime({}, '{}')".format(text, date_format.replace("'", "''"))
