"""Features of customers: age band, segment, purchasing power, and the retailer's own attributes."""

from typing import Any

import ibis

from rec_assets.columns import (
    AGE,
    AGE_BAND,
    COUNTRY,
    CUSTOMER,
    GENDER,
    PRICE_TIER,
    PURCHASES,
    PURCHASING_POWER,
    SEGMENT,
    UNKNOWN,
)
from rec_assets.engine import FILE_ROW
from rec_assets.features.missing import or_unknown
from rec_assets.features.price_tiers import TIERS

COLUMNS = (CUSTOMER, AGE_BAND, COUNTRY, GENDER, PURCHASING_POWER, SEGMENT, PURCHASES)
# A third of the way from always budget (0) to always premium (2), and two thirds.
_LOW_POWER, _HIGH_POWER = 2 / 3, 4 / 3


def customer_features(past: Any, events: Any, customers: Any) -> Any:
    """Describe every customer the retailer lists or who ever bought.

    Parameters
    ----------
    past
        Purchases before ``as_of``, with ``price_tier``.
    events
        All purchases; only their customer ids are read.
    customers
        The validated customers table.

    Returns
    -------
    ibis.Table
        :data:`COLUMNS`, then every other attribute of the customers table as text. An attribute with the name
        of a feature keeps its values as ``NAME_given``.
    """
    attributes = [
        name for name in customers.columns if name not in (CUSTOMER, AGE, COUNTRY, GENDER, FILE_ROW)
    ]
    own = {f"{name}_given" if name in COLUMNS else name: or_unknown(customers[name]) for name in attributes}
    described = customers.select(
        CUSTOMER,
        **{
            AGE_BAND: age_band(customers[AGE].cast("float64")),
            COUNTRY: or_unknown(customers[COUNTRY]),
            GENDER: or_unknown(customers[GENDER]),
        },
        **own,
    )
    everyone = ibis.union(described.select(CUSTOMER), events.select(CUSTOMER), distinct=True)
    bought = past.group_by(CUSTOMER).aggregate(
        **{PURCHASES: past.count(), PURCHASING_POWER: purchasing_power(past[PRICE_TIER])}
    )
    joined = everyone.left_join(described, CUSTOMER).drop(f"{CUSTOMER}_right").left_join(bought, CUSTOMER)
    texts = (AGE_BAND, COUNTRY, GENDER, PURCHASING_POWER, *own)
    told = joined.mutate(
        **{name: joined[name].fill_null(UNKNOWN) for name in texts},
        **{PURCHASES: joined[PURCHASES].fill_null(0)},
    )
    return told.mutate(**{SEGMENT: told[AGE_BAND] + ", " + told[GENDER]}).select(*COLUMNS, *own)


def age_band(age: Any) -> Any:
    """Decades from ``20s`` to ``70s``, ``under 20``, ``80 and over``; ``unknown`` without an age (years)."""
    decades = [(age < 10 * (decade + 1), f"{10 * decade}s") for decade in range(2, 8)]
    return ibis.cases(
        (age.isnull() | age.isnan(), UNKNOWN), (age < 20, "under 20"), *decades, else_="80 and over"
    )


def purchasing_power(tiers: Any) -> Any:
    """Aggregate a customer's price tiers: ``low | medium | high`` by their mean, ``unknown`` without any."""
    places = tiers.cases(*((name, place) for place, name in enumerate(TIERS)), else_=ibis.null("int64"))
    # A sum of small integers is exact in any order, so the mean is the same on any number of threads.
    mean = places.sum() / places.count().nullif(0)
    return ibis.cases(
        (mean.isnull(), UNKNOWN), (mean < _LOW_POWER, "low"), (mean > _HIGH_POWER, "high"), else_="medium"
    )
