"""The synthetic retailer as a retailer's own export: three plain files to try the ``table`` source with."""

from datetime import date
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from rec_assets.files import atomic_folder, refuse_foreign, write_table
from rec_assets.params import Synthetic
from rec_assets.sources.synthetic import generate

FileFormat = Literal["csv", "parquet"]

MARK = ".synthetic"
"""Tells a folder that may be replaced from a retailer's own files, which have the same names."""


def write_retailer(
    folder: Path, params: Synthetic, until: date | None = None, file_format: FileFormat = "csv"
) -> dict[str, int]:
    """Write transactions, customers and articles; the folder appears whole or not at all.

    A sensor that watches the folder above never sees half a snapshot.

    Parameters
    ----------
    folder
        The snapshot's folder; an earlier one is replaced whole.
    params
        Size, span and seed.
    until
        The morning of the export: what happened on that day or later is not in it. None: everything.
    file_format
        Of the three files.

    Returns
    -------
    dict
        Rows by table.

    Raises
    ------
    CouturierError
        When the folder holds something else.
    """
    refuse_foreign(folder, MARK, "--out")
    retailer = generate(params)
    if until is not None:
        retailer = retailer.until(until)
    tables = {
        "transactions": retailer.transactions,
        "customers": retailer.customers,
        "articles": retailer.articles,
    }
    with atomic_folder(folder) as part:
        (part / MARK).touch()
        for name, frame in tables.items():
            if file_format == "parquet":
                write_table(frame, part / f"{name}.parquet")
            else:
                _write_csv(frame, part / f"{name}.csv")
    return {name: len(frame) for name, frame in tables.items()}


def table_mapping(params: Synthetic, file_format: FileFormat = "csv") -> dict[str, Any]:
    """Give ``source.tables`` of ``params.yaml`` for files that :func:`write_retailer` wrote."""
    small = generate(params.model_copy(update={"customers": 1, "skus": 1, "months": 2}))
    return {
        name: {"file": f"{name}.{file_format}", "columns": {column: column for column in frame.columns}}
        for name, frame in (
            ("transactions", small.transactions),
            ("customers", small.customers),
            ("articles", small.articles),
        )
    }


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    # The default changes its date format with the values.
    frame.to_csv(path, index=False, lineterminator="\n", date_format="%Y-%m-%d %H:%M:%S")
