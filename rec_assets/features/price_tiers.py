"""Budget, middle or premium: where a price stands among the prices paid in its category."""

from typing import Any

import ibis

from rec_assets.columns import CATEGORY, PRICE, SKU, UNKNOWN

TIERS = ("budget", "middle", "premium")
LOW, HIGH = "price_low", "price_high"  # the bounds of the middle tier in the article's category


def tier_bounds(past: Any, articles: Any, quantiles: tuple[float, float]) -> Any:
    """Give each category's two price bounds.

    Parameters
    ----------
    past
        Purchases before ``as_of`` (Ibis table with ``sku`` and ``price``); unpriced ones do not count.
    articles
        Ibis table with ``sku`` and ``category``.
    quantiles
        Shares of purchases below the middle tier and below the premium tier.

    Returns
    -------
    ibis.Table
        ``category, price_low, price_high``.
    """
    priced = past.filter(past[PRICE].notnull()).join(articles.select(SKU, CATEGORY), SKU)
    low, high = quantiles
    return priced.group_by(CATEGORY).aggregate(
        **{LOW: priced[PRICE].quantile(low), HIGH: priced[PRICE].quantile(high)}
    )


def price_tier(price: Any, bounds: Any) -> Any:
    """Say which tier a price belongs to, given columns ``price_low`` and ``price_high`` of its category.

    A price on a bound goes outwards, so that the commonest price of a category can be its budget or premium
    price; where both bounds are one price, that price is the middle. A missing price or bound is ``unknown``.
    """
    low, high = bounds[LOW], bounds[HIGH]
    apart = low < high
    budget, middle, premium = TIERS
    return ibis.cases(
        (price.isnull() | low.isnull(), UNKNOWN),
        ((price < low) | (apart & (price == low)), budget),
        ((price > high) | (apart & (price == high)), premium),
        else_=middle,
    )
