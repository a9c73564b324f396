"""One word for what the retailer does not tell."""

from typing import Any

from rec_assets.columns import UNKNOWN


def or_unknown(column: Any) -> Any:
    """Give a column as trimmed text; missing and blank values become ``unknown``."""
    return column.cast("string").strip().nullif("").fill_null(UNKNOWN)
