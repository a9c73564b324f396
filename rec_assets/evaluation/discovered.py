"""Regularities found in purchases before ``as_of``, for data whose relations nobody planted.

Nothing here looks at the test window: a relation is what the past promises, the holdout says whether it held.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from rec_assets.columns import (
    CATEGORY,
    CUSTOMER,
    INTRODUCED,
    POSITION,
    PRICE_TIER,
    PURCHASES,
    PURCHASING_POWER,
    SKU,
    TIMESTAMP,
    UNKNOWN,
)
from rec_assets.evaluation.holdout import Holdout
from rec_assets.evaluation.relations import Integers, Mask, Relation, of_articles

_SEASONAL = 3  # categories most above, and most below, their yearly share
_PAIRS = 5
_RECENT = 5  # a complement is expected after one of this many latest purchases
_NEW_DAYS = 28
_FEWEST_PURCHASES = 50


def discover(holdout: Holdout) -> list[Relation]:
    """Find what a good list should follow: seasons, complements, price tiers, repeats, new arrivals."""
    timed = holdout.windows.get("as_of") is not None
    relations = [*complements(holdout), *price_tiers(holdout), repeats(holdout)]
    return [*seasons(holdout), *relations, *new_arrivals(holdout)] if timed else relations


def seasons(holdout: Holdout) -> list[Relation]:
    """Categories whose share in the calendar month of ``as_of``, in the past, is far from their mean."""
    month = pd.Timestamp(str(holdout.windows["as_of"])).month
    sold = holdout.before[[SKU, TIMESTAMP]].assign(
        category=holdout.before[SKU].map(holdout.articles[CATEGORY])
    )
    counts = sold["category"].value_counts()
    frequent = counts[counts >= _FEWEST_PURCHASES].sort_index()
    then = sold[sold[TIMESTAMP].dt.month == month]["category"].value_counts()
    if then.sum() < _FEWEST_PURCHASES or frequent.empty:
        return []
    share, then_share = frequent / counts.sum(), then.reindex(frequent.index).fillna(0) / then.sum()
    gain = (then_share - share).sort_values(kind="stable")
    name = pd.Timestamp(2000, month, 1).strftime("%B")
    chosen = [(c, "more") for c in gain.index[::-1][:_SEASONAL] if gain[c] > 0]
    chosen += [(c, "less") for c in gain.index[:_SEASONAL] if gain[c] < 0]
    return [
        Relation(
            "season",
            f"{category} in {name} ({word} than in the year)",
            everyone(holdout),
            in_category(holdout, category),
        )
        for category, word in chosen
    ]


def complements(holdout: Holdout) -> list[Relation]:
    """Pairs of categories that one customer buys in a row more often than chance, by lift.

    The share of the second category is expected among customers who hold the first in their latest purchases.
    """
    events = holdout.before[[CUSTOMER, SKU, POSITION]].sort_values([CUSTOMER, POSITION], kind="stable")
    category = events[SKU].map(holdout.articles[CATEGORY])
    following = category.shift(-1).where(events[CUSTOMER] == events[CUSTOMER].shift(-1))
    pairs = pd.DataFrame({"first": category, "second": following}).dropna()
    pairs = pairs[(pairs["first"] != pairs["second"]) & (pairs != UNKNOWN).all(axis=1)]
    counts = pairs.groupby(["first", "second"]).size()
    counts = counts[counts >= _FEWEST_PURCHASES / 2]
    if counts.empty:
        return []
    starts, ends = pairs["first"].value_counts(), pairs["second"].value_counts()
    first_sold = starts.reindex(counts.index.get_level_values(0)).to_numpy()
    second_sold = ends.reindex(counts.index.get_level_values(1)).to_numpy()
    lift = counts / (first_sold * second_sold / len(pairs))
    lift = lift.sort_values(ascending=False, kind="stable")
    latest = events.groupby(CUSTOMER).tail(_RECENT)
    relations = []
    for first, second in lift[lift > 1.2].index[:_PAIRS]:
        holders = latest.loc[category[latest.index] == first, CUSTOMER].unique()
        relations.append(
            Relation(
                "complement", f"{first} → {second}", named(holdout, holders), in_category(holdout, second)
            )
        )
    return relations


def price_tiers(holdout: Holdout) -> list[Relation]:
    """Low purchasing power buys budget articles, high buys premium ones."""
    power = holdout.customers[PURCHASING_POWER].fillna(UNKNOWN).to_numpy()
    tier = holdout.articles[PRICE_TIER].to_numpy()
    return [
        Relation(
            "price_tier",
            f"{articles} articles for {level} purchasing power",
            power == level,
            of_articles(tier == articles),
        )
        for level, articles in (("low", "budget"), ("medium", "middle"), ("high", "premium"))
    ]


def repeats(holdout: Holdout) -> Relation:
    """Articles the customer bought before, for customers with a history."""
    return Relation(
        "repeat", "articles bought before", holdout.customers["history"].to_numpy() > 0, holdout.bought_before
    )


def new_arrivals(holdout: Holdout) -> list[Relation]:
    """Articles introduced in the last weeks before ``as_of`` or later, and articles nobody had bought yet."""
    as_of = pd.Timestamp(str(holdout.windows["as_of"]))
    fresh = pd.to_datetime(holdout.articles[INTRODUCED]) >= as_of - pd.Timedelta(days=_NEW_DAYS)
    unsold = holdout.articles[PURCHASES] == 0
    kinds = (
        (f"articles introduced in the last {_NEW_DAYS} days", fresh),
        ("articles nobody had bought yet", unsold),
    )
    return [
        Relation("new_arrivals", name, everyone(holdout), of_articles(chosen.to_numpy()))
        for name, chosen in kinds
        if chosen.any()
    ]


def everyone(holdout: Holdout) -> Mask:
    """(U,) all test customers."""
    return np.ones(len(holdout.customers), dtype=bool)


def named(holdout: Holdout, customers: Sequence[str]) -> Mask:
    """(U,) the test customers among these ids."""
    return np.asarray(holdout.customers.index.isin(customers))


def in_category(holdout: Holdout, category: str) -> Callable[[Integers, Integers], Mask]:
    """Match articles of one category."""
    return of_articles((holdout.articles[CATEGORY] == category).to_numpy())
