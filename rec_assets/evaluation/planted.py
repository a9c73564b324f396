"""Relations that the synthetic retailer planted, as its ``truth/relations.json`` states them.

Each entry has a ``name`` and a ``kind``, and by kind:

- ``season``: ``categories`` in demand in some months; checked for each month of the test window;
- ``complement``: ``complement_category`` follows ``trigger_category`` within ``days``; checked on customers
  who bought the trigger at most that long before ``as_of``;
- ``price_tier``: a customer ``segment`` buys a ``tier``;
- ``department``: a ``gender`` or ``segment`` buys a ``department``;
- ``repeat``: articles of ``categories`` are bought again within ``days`` (from, to);
- ``trend``: a ``category`` or ``colour`` sells more, or less, ``from`` a date on; left out until it began;
- ``new_arrivals``: articles sell best in their first ``days``.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rec_assets.columns import (
    CATEGORY,
    COLOUR,
    CUSTOMER,
    DEPARTMENT,
    GENDER,
    INTRODUCED,
    PRICE_TIER,
    SEGMENT,
    SKU,
    TIMESTAMP,
)
from rec_assets.errors import TableError
from rec_assets.evaluation.holdout import Holdout
from rec_assets.evaluation.relations import Integers, Mask, Relation, of_articles
from rec_assets.files import read_json, read_table

RELATIONS_FILE = "relations.json"

Stated = Mapping[str, Any]


def planted(truth: Path, holdout: Holdout) -> list[Relation]:
    """Read the planted relations and say whom and what each concerns.

    Parameters
    ----------
    truth
        The folder of ``relations.json`` and ``customers.parquet``.
    holdout
        The test window.

    Raises
    ------
    TableError
        When the file states a kind of relation that nobody knows how to check.
    """
    file = truth / RELATIONS_FILE
    who = true_customers(truth, holdout)
    relations: list[Relation] = []
    for stated in read_json(file):
        if stated["kind"] not in _KINDS:
            raise TableError(
                f"{file} states a relation of kind {stated['kind']!r}; known: {', '.join(_KINDS)}.",
                "Run the raw_data stage again.",
            )
        relations += _KINDS[stated["kind"]](stated, holdout, who)
    return relations


def true_customers(truth: Path, holdout: Holdout) -> pd.DataFrame:
    """(U rows) planted ``segment`` and ``gender`` of each test customer; none of them is missing there."""
    columns = [CUSTOMER, SEGMENT, GENDER]
    return (
        read_table(truth / "customers.parquet", columns).set_index(CUSTOMER).reindex(holdout.customers.index)
    )


def as_of(holdout: Holdout) -> pd.Timestamp:
    """Give the moment the lists were made for."""
    return pd.Timestamp(str(holdout.windows["as_of"]))


def articles_where(holdout: Holdout, column: str, values: Sequence[str]) -> Mask:
    """(I,) articles with one of these attribute values, whatever the case of their letters."""
    wanted = {value.casefold() for value in values}
    return holdout.articles[column].astype(str).str.casefold().isin(wanted).to_numpy()


def recent_buyers(holdout: Holdout, categories: Sequence[str], days: int) -> Mask:
    """(U,) customers who bought one of these categories in the last ``days`` before ``as_of``."""
    recent = holdout.before[holdout.before[TIMESTAMP] >= as_of(holdout) - pd.Timedelta(days=days)]
    skus = holdout.articles.index[articles_where(holdout, CATEGORY, categories)]
    return np.asarray(holdout.customers.index.isin(recent.loc[recent[SKU].isin(skus), CUSTOMER]))


def season(stated: Stated, holdout: Holdout, who: pd.DataFrame) -> list[Relation]:
    """Check the season's categories in each month of the test window, on the customers who bought in it."""
    chosen = of_articles(articles_where(holdout, CATEGORY, stated["categories"]))
    relations = []
    for month, rows in holdout.purchases.groupby("month", sort=True):
        customers = np.zeros(len(holdout.customers), dtype=bool)
        customers[rows["customer"].unique()] = True
        name = f"{stated['name']} in {pd.Timestamp(f'{month}-01'):%B}"
        relations.append(Relation("season", name, customers, chosen))
    return relations


def complement(stated: Stated, holdout: Holdout, who: pd.DataFrame) -> list[Relation]:
    """Check the complement on recent buyers of its trigger."""
    customers = recent_buyers(holdout, [stated["trigger_category"]], stated["days"])
    chosen = articles_where(holdout, CATEGORY, [stated["complement_category"]])
    return [Relation("complement", stated["name"], customers, of_articles(chosen))]


def price_tier(stated: Stated, holdout: Holdout, who: pd.DataFrame) -> list[Relation]:
    """Check a segment's price tier."""
    chosen = articles_where(holdout, PRICE_TIER, [stated["tier"]])
    customers = (who[SEGMENT] == stated["segment"]).to_numpy()
    return [Relation("price_tier", stated["name"], customers, of_articles(chosen))]


def department(stated: Stated, holdout: Holdout, who: pd.DataFrame) -> list[Relation]:
    """Check the department of a gender or a segment."""
    chosen = of_articles(articles_where(holdout, DEPARTMENT, [stated["department"]]))
    column = SEGMENT if SEGMENT in stated else GENDER
    customers = (who[column] == stated[column]).to_numpy()
    return [Relation("department", stated["name"], customers, chosen)]


def repeat(stated: Stated, holdout: Holdout, who: pd.DataFrame) -> list[Relation]:
    """Check that those who bought such an article recently are offered the same SKU again."""
    chosen = articles_where(holdout, CATEGORY, stated["categories"])
    customers = recent_buyers(holdout, stated["categories"], max(stated["days"]))

    def again(customer: Integers, article: Integers) -> Mask:
        return chosen[article] & holdout.bought_before(customer, article)

    return [Relation("repeat", stated["name"], customers, again)]


def trend(stated: Stated, holdout: Holdout, who: pd.DataFrame) -> list[Relation]:
    """Check the category or colour that moves, once the trend has begun."""
    if pd.Timestamp(stated["from"]) >= as_of(holdout):
        return []
    column = CATEGORY if CATEGORY in stated else COLOUR
    chosen = articles_where(holdout, column, [stated[column]])
    return [
        Relation("trend", stated["name"], np.ones(len(holdout.customers), dtype=bool), of_articles(chosen))
    ]


def new_arrivals(stated: Stated, holdout: Holdout, who: pd.DataFrame) -> list[Relation]:
    """Check articles in their first days at ``as_of``, or introduced since."""
    since = as_of(holdout) - pd.Timedelta(days=stated["days"])
    chosen = (pd.to_datetime(holdout.articles[INTRODUCED]) >= since).to_numpy()
    everyone = np.ones(len(holdout.customers), dtype=bool)
    return [Relation("new_arrivals", stated["name"], everyone, of_articles(chosen))]


_KINDS: Mapping[str, Callable[[Stated, Holdout, pd.DataFrame], list[Relation]]] = {
    "season": season,
    "complement": complement,
    "price_tier": price_tier,
    "department": department,
    "repeat": repeat,
    "trend": trend,
    "new_arrivals": new_arrivals,
}
