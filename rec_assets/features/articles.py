"""Features of articles, from the catalogue and the purchases before ``as_of``."""

from typing import Any

import ibis

from rec_assets.columns import (
    AVAILABLE,
    CATEGORY,
    COLOUR,
    DEPARTMENT,
    FIRST_SEEN,
    INTRODUCED,
    PRICE,
    PRICE_TIER,
    PURCHASES,
    SKU,
    SPLIT,
    TIMESTAMP,
    TRAIN_PURCHASES,
)
from rec_assets.features.missing import or_unknown
from rec_assets.features.price_tiers import HIGH, LOW, price_tier, tier_bounds
from rec_assets.params import Behaviour

COLUMNS = (
    SKU,
    CATEGORY,
    COLOUR,
    DEPARTMENT,
    INTRODUCED,
    AVAILABLE,
    PRICE,
    PRICE_TIER,
    FIRST_SEEN,
    PURCHASES,
    TRAIN_PURCHASES,
)


def article_features(past: Any, catalogue: Any, section: Behaviour) -> Any:
    """Describe every article of the catalogue, sold or not.

    Parameters
    ----------
    past
        Purchases before ``as_of`` (Ibis table with ``split`` train or validation).
    catalogue
        The validated articles table.
    section
        Quantiles of the price tiers, and the priced purchases an article needs for one.

    Returns
    -------
    ibis.Table
        :data:`COLUMNS`, and the category's price bounds ``price_low``, ``price_high``. ``price`` is the
        median paid. A price seen fewer than ``min_prices`` times is kept, its tier is ``unknown``.
    """
    described = catalogue.select(
        SKU,
        **{name: or_unknown(catalogue[name]) for name in (CATEGORY, COLOUR, DEPARTMENT)},
        **{
            INTRODUCED: catalogue[INTRODUCED].cast("timestamp(6)"),
            AVAILABLE: catalogue[AVAILABLE].cast("boolean").fill_null(True),
        },
    )
    sold = past.group_by(SKU).aggregate(
        **{
            PRICE: past[PRICE].median(),
            "prices": past[PRICE].count(),
            FIRST_SEEN: past[TIMESTAMP].min().cast("timestamp(6)"),
            PURCHASES: past.count(),
            TRAIN_PURCHASES: past.count(where=past[SPLIT] == "train"),
        }
    )
    bounds = tier_bounds(past, described, section.price_tiers)
    joined = described.left_join(sold, SKU).drop(f"{SKU}_right").left_join(bounds, CATEGORY)
    enough = joined["prices"].fill_null(0) >= section.min_prices
    tier = price_tier(enough.ifelse(joined[PRICE], ibis.null("float64")), joined)
    return joined.mutate(
        **{
            PRICE_TIER: tier,
            PURCHASES: joined[PURCHASES].fill_null(0),
            TRAIN_PURCHASES: joined[TRAIN_PURCHASES].fill_null(0),
        }
    ).select(*COLUMNS, LOW, HIGH)
