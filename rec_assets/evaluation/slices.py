"""The same metrics over parts of the holdout: which customers, and which of the things they bought."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rec_assets.columns import CATEGORY, MASKED, MODEL, PRICE_TIER, SEASON, SEGMENT, TRAIN_PURCHASES
from rec_assets.evaluation.accuracy import Found, hit_rate, ndcg, recall, reciprocal_rank
from rec_assets.evaluation.holdout import Holdout
from rec_assets.evaluation.lists import Lists
from rec_assets.evaluation.significance import leads

GAINS = "gains"
_CATEGORIES = 30  # the largest by purchases; a catalogue may have hundreds


@dataclass(frozen=True)
class Slice:
    """Part of the holdout.

    Parameters
    ----------
    kind
        What is told apart: ``customer``, ``item``, ``category``, ``price tier``, ``season``, ``segment``.
    name
        Which part of it.
    purchases
        (P,) the purchases that count as relevant. A customer with none of them is not judged, so a cold-item
        slice judges each customer on the cold articles in the basket only.
    """

    kind: str
    name: str
    purchases: NDArray[np.bool_]


def slices(holdout: Holdout, short_history: int) -> Iterator[Slice]:
    """Give every non-empty part.

    Parameters
    ----------
    holdout
        The truth.
    short_history
        A history of one to this many purchases is short; none at all is a cold customer.
    """
    bought = holdout.purchases
    article = bought["article"].to_numpy()
    history = holdout.customers["history"].to_numpy()[bought["customer"].to_numpy()]
    sold = holdout.articles[TRAIN_PURCHASES].to_numpy()[article]
    parts: list[tuple[str, str, NDArray[np.bool_]]] = [
        ("customer", "cold (no history)", history == 0),
        ("customer", f"short history (1 to {short_history})", (history > 0) & (history <= short_history)),
        ("customer", f"history over {short_history}", history > short_history),
        ("item", "cold (never bought in training)", sold == 0),
        ("item", "bought in training", sold > 0),
    ]
    columns = {
        "category": holdout.articles[CATEGORY].to_numpy()[article],
        "price tier": holdout.articles[PRICE_TIER].to_numpy()[article],
        "season": bought[SEASON].to_numpy(),
        "segment": holdout.customers[SEGMENT].to_numpy()[bought["customer"].to_numpy()],
    }
    for kind, values in columns.items():
        counts = pd.Series(values).value_counts()
        names = sorted(counts.index, key=lambda name: (-counts[name], str(name)))[:_CATEGORIES]
        parts += [(kind, str(name), values == name) for name in names]
    for kind, name, mask in parts:
        if mask.any():
            yield Slice(kind, name, np.asarray(mask, dtype=bool))


def judge_slices(lists: Lists, holdout: Holdout, parts: list[Slice], k: int) -> pd.DataFrame:
    """Judge one model's lists on each part.

    Returns
    -------
    pandas.DataFrame
        A row a part: means over the customers it judges, and under :data:`GAINS` their NDCG one by one, the
        same customers in the same order for every model.
    """
    chosen = (
        ~holdout.purchases["seen"].to_numpy() if lists.masked else np.ones(len(holdout.purchases), dtype=bool)
    )
    found = lists.find(holdout)
    rows = []
    for part in parts:
        inside = found.only(part.purchases[chosen])
        if not len(inside.ranks):
            continue
        gains = ndcg(inside, k)
        gains = gains[~np.isnan(gains)]
        rows.append(
            {
                MODEL: lists.model,
                MASKED: lists.masked,
                "slice": part.kind,
                "value": part.name,
                "customers": len(gains),
                "purchases": len(inside.ranks),
                f"hit_rate@{k}": np.nanmean(hit_rate(inside, k)),
                f"recall@{k}": np.nanmean(recall(inside, k)),
                f"mrr@{k}": np.nanmean(reciprocal_rank(inside, k)),
                f"ndcg@{k}": gains.mean(),
                GAINS: gains,
            }
        )
    return pd.DataFrame(rows)


def with_leads(judged: pd.DataFrame, samples: int, confidence: float, seed: int) -> pd.DataFrame:
    """Put intervals and the recommender's paired leads in place of :data:`GAINS`.

    Parameters
    ----------
    judged
        Rows of :func:`judge_slices` of all models.
    samples, confidence, seed
        Of the bootstrap.
    """
    parts = []
    for _, rows in judged.groupby([MASKED, "slice", "value"], sort=False):
        found = leads(np.stack(rows[GAINS].to_list(), axis=1), list(rows[MODEL]), samples, confidence, seed)
        parts.append(rows.drop(columns=GAINS).join(found.set_axis(rows.index)))
    return pd.concat(parts).sort_index()


def recall_by_category(lists: Lists, holdout: Holdout, cutoffs: tuple[int, ...]) -> pd.DataFrame:
    """Share of each category's purchases that the lists hold: every purchase weighs the same."""
    found: Found = lists.find(holdout)
    bought = holdout.purchases[~holdout.purchases["seen"]] if lists.masked else holdout.purchases
    frame = pd.DataFrame({f"recall@{k}": (found.ranks <= k).astype(float) for k in cutoffs})
    frame.insert(0, CATEGORY, holdout.articles[CATEGORY].to_numpy()[bought["article"].to_numpy()])
    frame.insert(1, "purchases", 1)
    table = frame.groupby(CATEGORY, sort=True).agg(
        {"purchases": "sum", **{f"recall@{k}": "mean" for k in cutoffs}}
    )
    table = table.reset_index().sort_values(
        ["purchases", CATEGORY], ascending=[False, True], ignore_index=True
    )
    table.insert(0, MODEL, lists.model)
    table.insert(1, MASKED, lists.masked)
    return table
