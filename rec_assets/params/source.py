"""Section ``source``: the synthetic retailer, or a retailer's own files."""

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from rec_assets.params.sections import Section

# "None" and "NA" may be answers (no newsletter, Namibia): they are missing only where the user says so.
MISSING = ("NULL", "null", "NaN", "nan", "NaT", "<NA>", "N/A", "n/a", "#N/A")

OWN_NAMES = "couturier_"  # begins the columns that a stage adds to a table while it works on it


class Synthetic(Section):
    """Size and time span of the synthetic retailer."""

    customers: int = Field(3000, ge=1, description="Customers of the synthetic retailer.")
    skus: int = Field(1500, ge=1, description="Articles that ever enter its catalogue.")
    months: int = Field(18, ge=2, description="Length of its purchase history.")
    start: date = Field(date(2024, 7, 1), description="Day of its first purchase.")
    seed: int = Field(7, description="Of its purchases, apart from run.seed.")


class TableMapping(Section):
    """How one of the retailer's files maps to a canonical table."""

    file: str = Field(description="CSV or Parquet, relative to source.path (and the snapshot).")
    columns: dict[str, str] = Field(description="canonical name: the file's column")
    encoding: str = Field("utf-8", description="Of a CSV file: utf-8, cp1252, latin-1, utf-16 ...")
    date_format: str | None = Field(
        None, description="strptime format of its dates; unix or days: since 1970; none: ISO 8601."
    )
    decimal: Literal[".", ","] = Field(
        ".", description="Decimal mark of its numbers; the other one may part the thousands."
    )
    missing: tuple[str, ...] = Field(
        MISSING, description="What its text cells hold where there is no value, beside nothing at all."
    )

    @field_validator("columns")
    @classmethod
    def _not_our_own(cls, columns: dict[str, str]) -> dict[str, str]:
        for name in columns:
            if name.lower().startswith((OWN_NAMES, "file_row_number")):  # the latter is DuckDB's
                raise ValueError(f"{name!r} is a name Couturier uses itself: call the attribute another")
        return columns


class Tables(Section):
    """The ``table`` source: any three files."""

    transactions: TableMapping
    articles: TableMapping
    customers: TableMapping | None = None


class Source(Section):
    """Where purchases, customers and the catalogue come from."""

    kind: Literal["synthetic", "hm", "amazon", "table"] = Field(
        "synthetic", description="Who wrote the files: synthetic | hm | amazon | table."
    )
    path: Path = Field(Path("data/incoming"), description="Folder of the retailer's files or snapshots.")
    snapshot: str | None = Field(None, description="Sub-folder of path to read; none: the newest.")
    synthetic: Synthetic = Synthetic()
    tables: Tables | None = Field(None, description="For kind table: which file and column is what.")
