"""Every metric of one model's lists: per customer, and over all lists."""

import numpy as np
import pandas as pd

from rec_assets.columns import (
    CATEGORY,
    COLOUR,
    CUSTOMER,
    DEPARTMENT,
    MASKED,
    MODEL,
    PRICE_TIER,
    PURCHASES,
)
from rec_assets.evaluation.accuracy import ACCURACY
from rec_assets.evaluation.beyond_accuracy import (
    coverage,
    exposure_gini,
    intra_list_diversity,
    mean_per_list,
    novelty,
    popularity_quantile,
    self_information,
    serendipity,
)
from rec_assets.evaluation.holdout import Holdout
from rec_assets.evaluation.lists import Lists

BEYOND_ACCURACY = (
    "coverage",
    "novelty",
    "serendipity",
    "mean_popularity",
    "popularity_quantile",
    "gini",
    "diversity",
)


def score_customers(lists: Lists, holdout: Holdout, cutoffs: tuple[int, ...]) -> pd.DataFrame:
    """Give one row per customer judged, one column ``metric@k`` per accuracy metric and cutoff."""
    found = lists.find(holdout)
    columns = {f"{name}@{k}": metric(found, k) for name, metric in ACCURACY.items() for k in cutoffs}
    frame = pd.DataFrame(
        {CUSTOMER: holdout.customers.index, MODEL: lists.model, MASKED: lists.masked, **columns}
    )
    return frame[~np.isnan(found.relevant)].reset_index(drop=True)


def score_lists(lists: Lists, holdout: Holdout, cutoffs: tuple[int, ...]) -> dict[str, float]:
    """Give ``metric@k`` of the lists as a whole: breadth, novelty, surprise, popularity, variety.

    Popularity counts purchases before ``as_of``.
    """
    articles = holdout.articles
    purchases = articles[PURCHASES].to_numpy()
    information, quantile = self_information(purchases), popularity_quantile(purchases)
    attributes = np.stack(
        [pd.factorize(articles[name].astype(str))[0] for name in (CATEGORY, COLOUR, DEPARTMENT, PRICE_TIER)],
        axis=1,
    )
    best_sellers = np.argsort(-purchases, kind="stable")
    popularity_place = np.empty(len(articles), dtype=np.int64)
    popularity_place[best_sellers] = np.arange(len(articles))
    owner = np.arange(len(lists.items))[:, None]
    values: dict[str, float] = {}
    for k in cutoffs:
        top = lists.items[:, :k]
        expected = (popularity_place[top] < k) | holdout.bought_before(owner, top)
        values |= {
            f"coverage@{k}": coverage(top, len(articles)),
            f"novelty@{k}": novelty(top, information),
            f"serendipity@{k}": serendipity(lists.hits(holdout, k), expected, k),
            f"mean_popularity@{k}": mean_per_list(top, purchases.astype(float)),
            f"popularity_quantile@{k}": mean_per_list(top, quantile),
            f"gini@{k}": exposure_gini(top, len(articles)),
            f"diversity@{k}": intra_list_diversity(top, attributes),
        }
    return values


def score_table(lists: Lists, per_customer: pd.DataFrame, of_lists: dict[str, float]) -> pd.DataFrame:
    """Give one row per metric and cutoff of one model and mode: ``value`` and the customers it rests on."""
    means = {name: per_customer[name] for name in per_customer.columns if "@" in name}
    rows = [(name, values.mean(), int(values.notna().sum())) for name, values in means.items()]
    rows += [(name, value, len(per_customer)) for name, value in of_lists.items()]
    table = pd.DataFrame(rows, columns=["name", "value", "customers"])
    split = table.pop("name").str.split("@")
    table.insert(0, MODEL, lists.model)
    table.insert(1, MASKED, lists.masked)
    table.insert(2, "metric", split.str[0])
    table.insert(3, "cutoff", split.str[1].astype(int))
    return table
