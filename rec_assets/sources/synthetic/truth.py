"""What is true of the synthetic retailer, written to ``data/raw/truth`` for evaluation alone.

``relations.json`` is a list of objects, each with a unique ``name``, a ``kind``, and by kind:

=============  =====================================================================================
season         ``months`` (1-12), ``categories``, ``multiplier`` in those months, ``off_season_multiplier``
               in the months of the opposite season
complement     ``trigger_category``, ``complement_category``, ``days`` (second bought 1 to ``days`` days after
               the first), ``probability``
price_tier     ``segment``, ``tier`` (the one it buys most), ``weights`` (share of each tier)
department     ``gender`` or ``segment``, ``department``, ``probability`` (at least this share for a gender
               outside the families; families look for kids' clothes with this probability)
repeat         ``categories``, ``days`` ([first, last] day of buying the same SKU again), ``probability``
trend          ``category`` or ``colour``, ``from`` (ISO date, first day), ``multiplier`` (of demand)
new_arrivals   ``days`` (fading time after ``introduced``), ``multiplier`` on the first day
=============  =====================================================================================

Multipliers are of the weight with which an article is drawn, all else equal.

``customers.parquet``: ``customer_id, segment, gender`` (never missing), ``style, second_style,
favourite_colours`` (comma-separated), ``size, registered`` (first day they may buy).

``articles.parquet``: ``sku, category, colour, department, style, tier, size_range, introduced, retired``
(missing while it is sold).

``purchases.parquet``: ``customer_id, sku, timestamp, reason`` with reason taste, complement, repeat or
chance; the rows and order of the transactions.

Segments, tiers, styles and genders are named in :mod:`~rec_assets.sources.synthetic.relations` and
:mod:`~rec_assets.sources.synthetic.garments`.
"""

import numpy as np
import pandas as pd

from rec_assets.columns import CATEGORY, COLOUR, CUSTOMER, DEPARTMENT, GENDER, INTRODUCED, SEGMENT, SKU
from rec_assets.sources.synthetic.catalogue import NEVER, Catalogue
from rec_assets.sources.synthetic.garments import COLOURS, SIZES, STYLES, TIERS
from rec_assets.sources.synthetic.relations import GENDERS, SEGMENTS
from rec_assets.sources.synthetic.shoppers import Shoppers

STYLE_NAMES = np.array([style.name for style in STYLES], dtype=object)


def customer_truth(shoppers: Shoppers, start: pd.Timestamp) -> pd.DataFrame:
    """Say who each customer is."""
    colours = np.array(COLOURS, dtype=object)[shoppers.favourite_colours]
    return pd.DataFrame(
        {
            CUSTOMER: shoppers.customers[CUSTOMER],
            SEGMENT: np.array(SEGMENTS, dtype=object)[shoppers.segment],
            GENDER: np.array(GENDERS, dtype=object)[shoppers.gender],
            "style": STYLE_NAMES[shoppers.style],
            "second_style": STYLE_NAMES[shoppers.second_style],
            "favourite_colours": [", ".join(sorted(row)) for row in colours],
            "size": np.array(SIZES, dtype=object)[shoppers.size],
            "registered": (start + pd.to_timedelta(shoppers.joined, unit="D")).astype("datetime64[us]"),
        }
    )


def article_truth(catalogue: Catalogue, start: pd.Timestamp) -> pd.DataFrame:
    """Say what each article is."""
    sold = catalogue.retired == NEVER
    retired = start + pd.to_timedelta(np.where(sold, 0, catalogue.retired), unit="D")
    return pd.DataFrame(
        {
            **{name: catalogue.articles[name] for name in (SKU, CATEGORY, COLOUR, DEPARTMENT)},
            "style": STYLE_NAMES[catalogue.style],
            "tier": np.array(TIERS, dtype=object)[catalogue.tier],
            "size_range": np.array(SIZES, dtype=object)[catalogue.size],
            INTRODUCED: catalogue.articles[INTRODUCED],
            "retired": pd.Series(retired).astype("datetime64[us]").mask(sold),
        }
    )
