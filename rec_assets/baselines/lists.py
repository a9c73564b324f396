"""From scores to ranked lists: the best of the catalogue, ties broken by SKU, short lists filled."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from rec_assets import columns as c
from rec_assets.baselines.base import Baseline
from rec_assets.baselines.data import Flags, Floats, Integers, Purchases

SCORES_AT_ONCE = 1 << 24  # 64 MiB of float32


class RankedList(NamedTuple):
    """One customer's list, best first.

    Parameters
    ----------
    skus
        SKU numbers.
    scores
        The model's scores; below the last of them, filled places count down by one.
    filled
        Places the model had no opinion on, given to the most popular SKUs left.
    """

    skus: Integers
    scores: Floats
    filled: int


def best(scores: Floats, allowed: Flags, fallback: Integers, depth: int) -> RankedList:
    """Rank by score, then by SKU; fill what is missing in the order of ``fallback``.

    Parameters
    ----------
    scores
        Shape ``(N,)``, ``-inf`` for no opinion.
    allowed
        SKUs that may be listed, shape ``(N,)``.
    fallback
        SKU numbers in the order that fills a short list.
    depth
        Length of the list; shorter only when fewer SKUs are allowed.

    Examples
    --------
    >>> scores = np.array([2.0, -np.inf, 5.0, 2.0], np.float32)
    >>> best(scores, np.ones(4, bool), np.array([1, 0, 2, 3]), depth=4).skus.tolist()
    [2, 0, 3, 1]
    """
    scored = np.flatnonzero(allowed & (scores > -np.inf))
    values = scores[scored]
    if len(scored) > depth:
        last = np.partition(values, len(values) - depth)[len(values) - depth]
        # argpartition would keep any of the SKUs that tie for the last place: keep the first by SKU.
        above = np.flatnonzero(values > last)
        kept = np.concatenate([above, np.flatnonzero(values == last)[: depth - len(above)]])
        scored, values = scored[kept], values[kept]
    order = np.lexsort((scored, -values))
    scored, values = scored[order], values[order]
    missing = depth - len(scored)
    if missing <= 0:
        return RankedList(scored, values, 0)
    left = allowed.copy()
    left[scored] = False
    filler = fallback[left[fallback]][:missing]
    floor = values[-1] if len(values) else np.float32(0)
    below = floor - np.arange(1, len(filler) + 1, dtype=np.float32)
    return RankedList(np.concatenate([scored, filler]), np.concatenate([values, below]), len(filler))


def chunks(customers: Integers, catalogue: int) -> Iterator[Integers]:
    """Cut customers into runs whose scores fit in memory."""
    size = max(1, SCORES_AT_ONCE // max(1, catalogue))
    for start in range(0, len(customers), size):
        yield customers[start : start + size]


class ListWriter:
    """Collects the unmasked and the masked list of every customer of one model."""

    def __init__(self, data: Purchases, depth: int) -> None:
        self.data = data
        self.depth = depth
        self.places = 0
        self.filled = 0
        self._parts: list[tuple[int, bool, RankedList]] = []

    def add(self, model: Baseline, customers: Integers) -> None:
        """Rank the catalogue for ``customers``, in ascending order, with and without what they bought."""
        for customer, scores in zip(customers.tolist(), model.score(customers), strict=True):
            every = np.ones(len(self.data.skus), bool)
            unseen = every.copy()
            unseen[self.data.history(customer)] = False
            for masked, allowed in ((False, every), (True, unseen)):
                ranked = best(scores, allowed, self.data.popular_order, self.depth)
                self._parts.append((customer, masked, ranked))
                self.places += len(ranked.skus)
                self.filled += ranked.filled

    def frame(self) -> pd.DataFrame:
        """Put all lists in one frame, sorted by customer, masked and rank."""
        lengths = np.array([len(ranked.skus) for _, _, ranked in self._parts], np.int64)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        owners = np.array([customer for customer, _, _ in self._parts], np.int64)
        masked = np.array([masked for _, masked, _ in self._parts], bool)
        skus = [np.empty(0, np.int64), *(ranked.skus for _, _, ranked in self._parts)]
        scores = [np.empty(0, np.float32), *(ranked.scores for _, _, ranked in self._parts)]
        ranks = np.arange(starts[-1]) - np.repeat(starts[:-1], lengths) + 1
        return pd.DataFrame(
            {
                c.CUSTOMER: self.data.customers[np.repeat(owners, lengths)],
                c.SKU: self.data.skus[np.concatenate(skus)],
                c.RANK: ranks.astype(np.int16),
                c.SCORE: np.concatenate(scores),
                c.MASKED: np.repeat(masked, lengths),
            }
        )
