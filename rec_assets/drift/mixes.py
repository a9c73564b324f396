"""Daily purchase counts per category, colour, price tier and novelty: all that the measures need.

DuckDB reduces the purchases to a few thousand rows, so pandas never sees the millions.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pandas as pd

from rec_assets.columns import (
    CATEGORY,
    COLOUR,
    INTRODUCED,
    PRICE,
    PRICE_TIER,
    PURCHASES,
    SKU,
    TIMESTAMP,
    UNKNOWN,
)
from rec_assets.features.price_tiers import TIERS

DAY = "day"
DIMENSION = "dimension"
VALUE = "value"
NEW_SKU_SHARE = "new_sku_share"
NEW = "new"
KNOWN = "known"
BUDGET, MIDDLE, PREMIUM = TIERS
MIXES = (CATEGORY, COLOUR, PRICE_TIER)


@dataclass(frozen=True)
class Window:
    """Whole days, both ends included."""

    start: date
    end: date

    @property
    def days(self) -> int:
        """Length in days; below 1 when the window is empty."""
        return (self.end - self.start).days + 1

    def back(self, days: int) -> "Window":
        """Give the window of equal length ``days`` days earlier."""
        return Window(self.start - timedelta(days), self.end - timedelta(days))

    def as_list(self) -> list[str]:
        """First and last day in ISO form."""
        return [self.start.isoformat(), self.end.isoformat()]


def days_sold(validated: Path) -> Window | None:
    """First and last day with a purchase; none for an empty table."""
    query = f"SELECT min({TIMESTAMP})::DATE, max({TIMESTAMP})::DATE FROM read_parquet(?)"
    with duckdb.connect() as engine:
        first, last = engine.execute(query, [str(validated / "transactions.parquet")]).fetchall()[0]
    return None if first is None else Window(first, last)


def daily_counts(validated: Path, reference: Window, price_tiers: tuple[float, float]) -> pd.DataFrame:
    """Count purchases per day and value of every dimension.

    Parameters
    ----------
    validated
        Folder of the canonical tables.
    reference
        The training window. Its prices bound the tiers, within a category (a category not sold then is
        measured with all others' prices), so a tier is judged by what was cheap or dear when the model was
        trained; an SKU that arrived after it counts as new.
    price_tiers
        Quantiles that bound budget | middle | premium; a price on a bound belongs where
        :func:`rec_assets.features.price_tiers.price_tier` puts it.

    Returns
    -------
    DataFrame
        ``day`` (datetime64), ``dimension``, ``value``, ``purchases``; sorted by the first three.
    """
    query = f"""
        WITH sold AS NOT MATERIALIZED (
            SELECT CAST(t.{TIMESTAMP} AS DATE) AS {DAY}, t.{SKU}, CAST(t.{PRICE} AS DOUBLE) AS {PRICE},
                   coalesce(CAST(a.{CATEGORY} AS VARCHAR), '{UNKNOWN}') AS {CATEGORY},
                   coalesce(CAST(a.{COLOUR} AS VARCHAR), '{UNKNOWN}') AS {COLOUR},
                   CAST(a.{INTRODUCED} AS DATE) AS {INTRODUCED}
            FROM read_parquet($transactions) t LEFT JOIN read_parquet($articles) a USING ({SKU})
        ), bounds AS (
            SELECT {CATEGORY}, quantile_cont({PRICE}, $low) AS low, quantile_cont({PRICE}, $high) AS high
            FROM sold WHERE {DAY} BETWEEN $first AND $last GROUP BY {CATEGORY}
        ), overall AS (
            SELECT quantile_cont({PRICE}, $low) AS all_low, quantile_cont({PRICE}, $high) AS all_high
            FROM sold WHERE {DAY} BETWEEN $first AND $last
        ), arrivals AS (
            SELECT {SKU}, least(min({INTRODUCED}), min({DAY})) AS arrived FROM sold GROUP BY {SKU}
        ), told AS (
            SELECT {DAY}, {CATEGORY}, {COLOUR},
                   CASE WHEN {PRICE} IS NULL OR lower IS NULL THEN '{UNKNOWN}'
                        WHEN {PRICE} < lower OR (lower < upper AND {PRICE} = lower) THEN '{BUDGET}'
                        WHEN {PRICE} > upper OR (lower < upper AND {PRICE} = upper) THEN '{PREMIUM}'
                        ELSE '{MIDDLE}' END AS {PRICE_TIER},
                   CASE WHEN arrived > $last THEN '{NEW}' ELSE '{KNOWN}' END AS {NEW_SKU_SHARE}
            FROM (
                SELECT sold.*, arrived, coalesce(low, all_low) AS lower, coalesce(high, all_high) AS upper
                FROM sold CROSS JOIN overall LEFT JOIN bounds USING ({CATEGORY})
                          LEFT JOIN arrivals USING ({SKU})
            )
        )
        SELECT {DAY},
               CASE WHEN {CATEGORY} IS NOT NULL THEN '{CATEGORY}' WHEN {COLOUR} IS NOT NULL THEN '{COLOUR}'
                    WHEN {PRICE_TIER} IS NOT NULL THEN '{PRICE_TIER}' ELSE '{NEW_SKU_SHARE}'
               END AS {DIMENSION},
               coalesce({CATEGORY}, {COLOUR}, {PRICE_TIER}, {NEW_SKU_SHARE}) AS {VALUE},
               count(*) AS {PURCHASES}
        FROM told
        GROUP BY GROUPING SETS (
            ({DAY}, {CATEGORY}), ({DAY}, {COLOUR}), ({DAY}, {PRICE_TIER}), ({DAY}, {NEW_SKU_SHARE})
        )
        ORDER BY ALL"""
    values = {
        "transactions": str(validated / "transactions.parquet"),
        "articles": str(validated / "articles.parquet"),
        "low": price_tiers[0],
        "high": price_tiers[1],
        "first": reference.start,
        "last": reference.end,
    }
    with duckdb.connect() as engine:
        counts = engine.execute(query, values).df()
    return counts.astype({DAY: "datetime64[us]"})


def mix(counts: pd.DataFrame, dimension: str, window: Window) -> pd.Series:
    """Purchases per value of one dimension in a window, sorted by value."""
    inside = counts[DAY].between(pd.Timestamp(window.start), pd.Timestamp(window.end))
    chosen = counts[inside & (counts[DIMENSION] == dimension)]
    return chosen.groupby(VALUE)[PURCHASES].sum()
