"""Purchases as a sequence per customer: position, gap, season, price tier."""

from typing import Any

import ibis

from rec_assets.columns import (
    CHANNEL,
    CUSTOMER,
    GAP_DAYS,
    POSITION,
    PRICE,
    PRICE_TIER,
    SEASON,
    SKU,
    SPLIT,
    TIMESTAMP,
    UNKNOWN,
)
from rec_assets.engine import FILE_ROW
from rec_assets.features.missing import or_unknown
from rec_assets.features.price_tiers import HIGH, LOW, price_tier

SPLIT_ORDER = {"train": 0, "validation": 1, "test": 2}
SEASON_OF_MONTH = {
    **dict.fromkeys((12, 1, 2), "winter"),
    **dict.fromkeys((3, 4, 5), "spring"),
    **dict.fromkeys((6, 7, 8), "summer"),
    **dict.fromkeys((9, 10, 11), "autumn"),
}
_SECONDS_A_DAY = 86_400
_SPLIT_RANK = "split_rank"


def sequences(splits: dict[str, Any], *, dated: bool) -> Any:
    """Put all purchases in each customer's order.

    Parameters
    ----------
    splits
        An Ibis table of purchases, with :data:`FILE_ROW`, for each name of :data:`SPLIT_ORDER`.
    dated
        Whether timestamps tell dates. If they tell only an order, gaps are missing and seasons ``unknown``.

    Returns
    -------
    ibis.Table
        ``customer_id, sku, timestamp, price, channel, split, position, gap_days, season``. ``position``
        counts from 0; purchases at one timestamp keep the order of their file. ``gap_days`` is in days,
        missing for a customer's first purchase. Seasons are the northern hemisphere's.
    """
    kept = (CUSTOMER, SKU, TIMESTAMP, PRICE, CHANNEL, FILE_ROW)
    parts = [
        splits[name].select(*kept).mutate(**{SPLIT: ibis.literal(name), _SPLIT_RANK: ibis.literal(rank)})
        for name, rank in SPLIT_ORDER.items()
    ]
    purchases = ibis.union(*parts)
    # Leave-one-out may cut between two purchases of one timestamp: the split then tells which came first.
    order = ibis.window(group_by=CUSTOMER, order_by=[TIMESTAMP, _SPLIT_RANK, FILE_ROW])
    moment = purchases[TIMESTAMP]
    if dated:
        gap = (moment.epoch_seconds() - moment.lag(1).over(order).epoch_seconds()) / _SECONDS_A_DAY
        season = moment.month().cases(*SEASON_OF_MONTH.items(), else_=UNKNOWN)
    else:
        gap, season = ibis.null("float64"), ibis.literal(UNKNOWN)
    price = purchases[PRICE].cast("float64")
    return purchases.mutate(
        **{
            CHANNEL: or_unknown(purchases[CHANNEL]),
            # A NaN from another writer would poison quantiles; Parquet's null is the one missing value here.
            PRICE: price.isnan().ifelse(ibis.null("float64"), price),
            POSITION: ibis.row_number().over(order).cast("int32"),
            GAP_DAYS: gap.cast("float64"),
            SEASON: season,
        }
    ).drop(FILE_ROW, _SPLIT_RANK)


def with_price_tier(events: Any, articles: Any) -> Any:
    """Add the tier of the price paid, or the article's own where no price was recorded.

    Parameters
    ----------
    events
        Output of :func:`sequences`.
    articles
        Output of :func:`rec_assets.features.articles.article_features`.
    """
    joined = events.left_join(articles.select(SKU, PRICE_TIER, LOW, HIGH), SKU)
    paid = price_tier(joined[PRICE], joined)
    own = joined[PRICE_TIER].fill_null(UNKNOWN)
    return joined.select(*events.columns, **{PRICE_TIER: (paid == UNKNOWN).ifelse(own, paid)})
