"""Whether recommendations follow the regularities of the data, instead of the best-sellers.

A relation names some customers and a kind of article. Three shares are compared: of what these customers
bought in the test window, of what the model lists for them, and of what a list of best-sellers holds.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rec_assets.columns import PURCHASES
from rec_assets.evaluation.holdout import Holdout
from rec_assets.evaluation.lists import Lists

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

FOLLOWED, PARTLY, NOT_FOLLOWED, UNTOLD = "followed", "partly", "not followed", "too few to tell"
RULE = (
    "followed: the model's share covers at least half of the way from the best-sellers' share to the "
    "expected share (going past it counts, as a short list sharpens habits); partly: at least a fifth; "
    "else not followed. Where the two differ by less than 0.02, or by less than two standard errors of the "
    "expected share, there is nothing to learn but popularity: followed within 0.05 of the expected share, "
    "partly within 0.10. Fewer than 10 holdout purchases: too few to tell."
)
_FEWEST = 10


@dataclass(frozen=True)
class Relation:
    """A regularity to look for.

    Parameters
    ----------
    kind
        ``season``, ``complement``, ``price_tier``, ``department``, ``repeat``, ``trend`` or ``new_arrivals``.
    name
        In words, for a reader: ``coats in January``.
    customers
        (U,) whom it concerns.
    matches
        Whether pairs of customer and article (index arrays that broadcast) are of the kind.
    """

    kind: str
    name: str
    customers: Mask
    matches: Callable[[Integers, Integers], Mask]


def of_articles(chosen: Mask) -> Callable[[Integers, Integers], Mask]:
    """Match pairs by the article alone, from a (I,) mask."""
    return lambda customer, article: np.broadcast_to(chosen[article], np.broadcast(customer, article).shape)


def verdict(expected: float, model: float, popular: float, purchases: int) -> str:
    """Judge one relation by :data:`RULE`.

    Examples
    --------
    >>> verdict(expected=0.40, model=0.30, popular=0.10, purchases=200)
    'followed'
    >>> verdict(expected=0.40, model=0.17, popular=0.10, purchases=200)
    'partly'
    >>> verdict(expected=0.05, model=0.10, popular=0.10, purchases=200)
    'not followed'
    """
    if purchases < _FEWEST or np.isnan(model):
        return UNTOLD
    noise = 2 * np.sqrt(expected * (1 - expected) / purchases)
    if abs(expected - popular) < max(0.02, noise):
        distance = abs(model - expected)
        return FOLLOWED if distance <= 0.05 else PARTLY if distance <= 0.10 else NOT_FOLLOWED
    covered = (model - popular) / (expected - popular)
    return FOLLOWED if covered >= 0.5 else PARTLY if covered >= 0.2 else NOT_FOLLOWED


def best_sellers(holdout: Holdout, k: int) -> Integers:
    """(k,) articles with the most purchases before ``as_of``; ties by SKU."""
    return np.argsort(-holdout.articles[PURCHASES].to_numpy(), kind="stable")[:k]


def measure(relations: Iterable[Relation], lists: Lists, holdout: Holdout, k: int) -> pd.DataFrame:
    """Compare each relation's shares in the holdout, in the model's first ``k`` and among best-sellers.

    Returns
    -------
    pandas.DataFrame
        ``kind``, ``relation``, ``customers``, ``purchases``, ``expected``, ``model``, ``popularity``,
        ``verdict``.
    """
    buyer = holdout.purchases["customer"].to_numpy()
    article = holdout.purchases["article"].to_numpy()
    popular = best_sellers(holdout, k)
    rows = []
    for relation in relations:
        mine = relation.customers[buyer]
        if not mine.any():
            continue
        concerned = np.flatnonzero(relation.customers)
        top = lists.items[concerned, :k]
        held = top >= 0
        expected = float(relation.matches(buyer[mine], article[mine]).mean())
        listed = relation.matches(concerned[:, None], top)
        model = float(listed[held].mean()) if held.any() else float("nan")
        popularity = float(relation.matches(concerned[:, None], popular[None, :]).mean())
        rows.append(
            {
                "kind": relation.kind,
                "relation": relation.name,
                "customers": len(concerned),
                "purchases": int(mine.sum()),
                "expected": expected,
                "model": model,
                "popularity": popularity,
                "verdict": verdict(expected, model, popularity, int(mine.sum())),
            }
        )
    columns = ["kind", "relation", "customers", "purchases", "expected", "model", "popularity", "verdict"]
    return pd.DataFrame(rows, columns=columns)
