"""The truth that lists are judged against: who bought what in the test window, and what was known before."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rec_assets.columns import (
    CATEGORY,
    CUSTOMER,
    POSITION,
    PRICE,
    PRICE_TIER,
    PURCHASES,
    SEASON,
    SEGMENT,
    SKU,
    SPLIT,
    TIMESTAMP,
    TRAIN_PURCHASES,
    UNKNOWN,
)
from rec_assets.errors import TableError
from rec_assets.files import read_json, read_table
from rec_assets.workspace import Workspace

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Holdout:
    """Test customers, the catalogue, what was bought in the test window and before it.

    Parameters
    ----------
    customers
        (U rows) one test customer each, index ``customer_id`` ascending: behaviour features, and
        ``history`` (purchases before ``as_of``).
    articles
        (I rows) the full catalogue, index ``sku`` ascending: behaviour features.
    purchases
        (P rows) one distinct SKU of one customer's basket each, ordered by customer then SKU:
        ``customer`` and ``article`` (positions in the frames above), ``spent`` (sum of prices, NaN when
        unknown), ``season``, ``month`` ("2025-06"; "unknown" for data that has an order but no time),
        ``seen`` (bought before ``as_of``).
    before
        Events before ``as_of`` of every customer: ``customer_id``, ``sku``, ``timestamp``, ``position``,
        ``season`` and ``price_tier``.
    owned
        Sorted keys ``customer * I + article`` of what test customers bought before ``as_of``.
    windows
        ``windows.json`` of the split.
    """

    customers: pd.DataFrame
    articles: pd.DataFrame
    purchases: pd.DataFrame
    before: pd.DataFrame
    owned: Integers
    windows: dict[str, object]

    def keys(self, customer: Integers, article: Integers) -> Integers:
        """Give one number to each pair of a customer and an article."""
        return np.asarray(customer, dtype=np.int64) * len(self.articles) + article

    def bought_before(self, customer: Integers, article: Integers) -> NDArray[np.bool_]:
        """Whether each customer had bought the article before ``as_of`` (arrays that broadcast)."""
        return member(self.keys(customer, article), self.owned)

    @property
    def target_keys(self) -> Integers:
        """(P,) ascending keys of the purchases."""
        return self.keys(self.purchases["customer"].to_numpy(), self.purchases["article"].to_numpy())


def member(values: Integers, ordered: Integers) -> NDArray[np.bool_]:
    """Whether each value is in a sorted array."""
    if not len(ordered):
        return np.zeros(np.shape(values), dtype=bool)
    place = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    return np.asarray(ordered[place] == values)


def read_holdout(workspace: Workspace, max_customers: int | None, seed: int) -> Holdout:
    """Read the test window and what was known before it.

    Parameters
    ----------
    workspace
        Where the artefacts lie.
    max_customers
        Judge a seeded sample of at most this many test customers; none: all.
    seed
        Of that sample.

    Raises
    ------
    TableError
        When an artefact is missing, the test window is empty, or it names an SKU outside the catalogue.
    """
    test = read_table(workspace.splits / "test.parquet")
    if test.empty:
        raise TableError(
            f"{workspace.splits / 'test.parquet'} has no rows.",
            "Move splits.as_of earlier or raise splits.test_days in params.yaml.",
        )
    articles = read_table(workspace.behaviour / "articles.parquet").set_index(SKU).sort_index()
    strangers = test.loc[~test[SKU].isin(articles.index), SKU]
    if len(strangers):
        raise TableError(
            f"{workspace.splits / 'test.parquet'}: {len(strangers)} of {len(test)} rows name a SKU outside "
            f"the catalogue, first {strangers.iloc[0]!r}.",
            "Run the stages from validated_data on again.",
        )
    judged = pd.Index(sorted(test[CUSTOMER].unique()), name=CUSTOMER)
    if max_customers is not None and len(judged) > max_customers:
        chosen = np.random.default_rng(seed).choice(len(judged), max_customers, replace=False)
        judged = judged[np.sort(chosen)]
        test = test[test[CUSTOMER].isin(judged)]
    columns = [CUSTOMER, SKU, TIMESTAMP, POSITION, SPLIT, SEASON, PRICE_TIER]
    events = read_table(workspace.behaviour / "events.parquet", columns)
    before = events[events[SPLIT] != "test"]
    own = before[before[CUSTOMER].isin(judged)]
    owner, owned_article = (
        judged.get_indexer(pd.Index(own[CUSTOMER])),
        articles.index.get_indexer(pd.Index(own[SKU])),
    )
    owned = np.unique(owner.astype(np.int64) * len(articles) + owned_article)

    windows = read_json(workspace.splits / "windows.json")
    seasons = events[events[SPLIT] == "test"].drop_duplicates([CUSTOMER, SKU])[[CUSTOMER, SKU, SEASON]]
    purchases = baskets(test, judged, articles.index, timed=windows.get("as_of") is not None)
    purchases = purchases.merge(seasons, on=[CUSTOMER, SKU], how="left", validate="one_to_one")
    purchases[SEASON] = purchases[SEASON].fillna(UNKNOWN)
    keys = purchases["customer"].to_numpy() * len(articles) + purchases["article"].to_numpy()
    purchases["seen"] = member(keys, owned)

    features = read_table(workspace.behaviour / "customers.parquet").set_index(CUSTOMER)
    customers = features.reindex(judged)
    customers[SEGMENT] = customers[SEGMENT].fillna(UNKNOWN)
    customers["history"] = np.bincount(owner, minlength=len(judged))
    for column in (CATEGORY, PRICE_TIER):
        articles[column] = articles[column].astype(object).fillna(UNKNOWN)
    for column in (PURCHASES, TRAIN_PURCHASES):
        articles[column] = articles[column].fillna(0).astype(np.int64)
    return Holdout(customers, articles, purchases, before, owned, windows)


def baskets(test: pd.DataFrame, customers: pd.Index, skus: pd.Index, *, timed: bool) -> pd.DataFrame:
    """Give one row per distinct SKU of each customer's basket: what was spent and the first month.

    Examples
    --------
    >>> day = pd.Timestamp("2025-06-02")
    >>> rows = pd.DataFrame({"customer_id": "a", "sku": "x", "timestamp": day, "price": [5.0, 7.0]})
    >>> baskets(rows, pd.Index(["a"]), pd.Index(["x"]), timed=True)[["customer", "article", "spent", "month"]]
       customer  article  spent    month
    0         0        0   12.0  2025-06
    """
    grouped = test.groupby([CUSTOMER, SKU], sort=True)
    frame = pd.DataFrame(
        {"spent": grouped[PRICE].sum(min_count=1), "first": grouped[TIMESTAMP].min()}
    ).reset_index()
    frame["customer"] = customers.get_indexer(pd.Index(frame[CUSTOMER])).astype(np.int64)
    frame["article"] = skus.get_indexer(pd.Index(frame[SKU])).astype(np.int64)
    frame["spent"] = frame["spent"].astype(float)
    frame["month"] = frame["first"].dt.strftime("%Y-%m") if timed else UNKNOWN
    return frame.drop(columns="first").sort_values(["customer", "article"], ignore_index=True)
