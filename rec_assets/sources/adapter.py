"""What every adapter does: read a folder of files, write three canonical tables."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rec_assets.params import Source

TRANSACTIONS_FILE = "transactions.parquet"
CUSTOMERS_FILE = "customers.parquet"
ARTICLES_FILE = "articles.parquet"
TABLE_FILES = (TRANSACTIONS_FILE, CUSTOMERS_FILE, ARTICLES_FILE)


@dataclass(frozen=True)
class Imported:
    """What an adapter read.

    Parameters
    ----------
    files
        The retailer's files, as they were found.
    time
        ``date`` where timestamps are real, ``order`` where they only encode the order of purchases.
    """

    files: tuple[Path, ...]
    time: Literal["date", "order"] = "date"


Adapter = Callable[[Path, Path, Source], Imported]
"""``(folder of the retailer's files, folder for the canonical tables, parameters) -> what was read``."""
