"""What everybody buys of late, and which SKUs never sold are bought: the prior of a list."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from rec_assets import columns as c
from rec_assets.errors import RegistryError
from rec_assets.recommender.arrivals import arrivals_of
from rec_assets.recommender.bought import cells

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

HALF_LIVES = (7.0, 30.0, 90.0, np.inf)  # days after which a purchase counts half
_KNOWN = (1, 2, 4, 8, 16)  # different SKUs bought: customers of up to so many share weights
_GROUPS = len(_KNOWN) + 1
_SOFTMAX = ("model, sold before", "model, never sold")  # experts; beside these each popularity is one
_PRIOR = 20.0  # customers that the weights of each group are drawn to those of all by
_ROUNDS = 200
_LEAST = 1e-30


@dataclass(frozen=True)
class Demand:
    """A mixture of what the softmax believes with what everybody buys, by how much of a customer is known.

    A next purchase is an SKU sold before or never sold yet, as the softmax tells either, or what is popular,
    lately or at all times. Which of these how often is counted in held-out purchases, most about customers
    whose past says little. A mixture of experts (Jacobs et al., Neural Computation 1991), its gate a table.

    Parameters
    ----------
    popular
        ``(K, n)``: share of each SKU in everybody's purchases, one row for each of the last ``K`` of
        :data:`HALF_LIVES`.
    weights
        ``(H, 2 + K)``: for customers with no SKU bought, with one, with 2 to 3, and so on: how often the
        softmax tells the next SKU among those sold, and among the others, where the root of ``arrivals``
        weighs it, and how often each popularity does. Empty: scores are left alone.
    arrivals
        ``(n,)``: share of each SKU in purchases of what was never sold.
    came
        ``(n,)``: when it came, as :func:`~rec_assets.recommender.arrivals.order_of_coming` tells.
    """

    popular: Tensor = field(default_factory=lambda: torch.zeros(len(HALF_LIVES), 0))
    weights: Tensor = field(default_factory=lambda: torch.zeros(0, len(_SOFTMAX) + len(HALF_LIVES)))
    arrivals: Tensor = field(default_factory=lambda: torch.zeros(0))
    came: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))

    def mix(self, scores: Tensor, bought: Sequence[Integers]) -> None:
        """Change logits ``(B, n)`` in place, to the logarithms of the mixture's probabilities.

        Parameters
        ----------
        scores
            Logits of a softmax over SKUs.
        bought
            For each row its different ``sku_index``, which count in no share: what the softmax says of them
            keeps its proportion to what it says of the others.
        """
        if not len(self.weights):
            return
        known = [len(skus) for skus in bought]
        weights = self.weights[torch.from_numpy(group_of(known))].to(scores)
        kinds = self._kinds(scores)
        row, sku, _ = cells(bought)
        past = (torch.from_numpy(row).to(scores.device), torch.from_numpy(sku).to(scores.device))
        scores.sub_(scores.amax(dim=1, keepdim=True)).exp_()
        own = scores[past]
        scores[past] = 0.0
        # Each sum by itself: what few SKUs never sold hold is lost in the difference of two large sums.
        sums = (scores @ kinds.T).clamp(min=_LEAST)
        scores[past] = own
        scores.mul_((weights[:, :2] / sums) @ kinds)
        scores.addmm_(weights[:, 2:], self.popular.to(scores))
        scores.clamp_(min=torch.finfo(scores.dtype).tiny).log_()  # none so unlikely that no list may hold it

    def told(self, scores: Tensor, bought: Sequence[Integers], wanted: Sequence[Integers]) -> Tensor:
        """Give what each expert makes of purchases to come: a row ``(2 + K,)`` for each, in order.

        Parameters
        ----------
        scores
            As in :meth:`mix`; left alone.
        bought
            SKUs that are no candidates, by row.
        wanted
            SKUs bought next, by row.
        """
        kinds, popular = self._kinds(scores), self.popular.to(scores)
        rows = []
        for own, past, skus in zip(scores, bought, wanted, strict=True):
            chances = own.index_fill(0, torch.from_numpy(past).to(own.device), -torch.inf).softmax(0)
            sums = (kinds @ chances).clamp(min=_LEAST)
            for sku in skus.tolist():
                softmax = kinds[:, sku] * chances[sku] / sums
                rows.append(torch.cat([softmax, popular[:, sku]]))
        return torch.stack(rows) if rows else scores.new_empty((0, len(_SOFTMAX) + len(popular)))

    def _kinds(self, like: Tensor) -> Tensor:
        """Give what the softmax is weighed by, ``(2, n)``: SKUs sold, and SKUs never sold."""
        sold = (self.popular[-1] > 0).to(like)
        # The root: the softmax, too, knows something of when an SKU came.
        return torch.stack([sold, self.arrivals.to(like).sqrt()])

    def renewed(self, events: pd.DataFrame, skus: "pd.Series[Any]") -> "Demand":
        """Keep all else and count popularity and arrivals anew: what is bought of late changes soonest.

        Parameters
        ----------
        events, skus
            As in :func:`popular_of`.
        """
        if not len(self.weights) or events.empty:
            return self
        return replace(
            self,
            popular=popular_of(events, skus, HALF_LIVES[-len(self.popular) :]),
            arrivals=arrivals_of(events, skus, self.came.numpy()),
        )

    def table(self) -> pd.DataFrame:
        """Give the weights for reading, a row for each group of customers."""
        ends = [*(edge - 1 for edge in _KNOWN), None]
        groups = [
            f"{start}+" if end is None else str(start) if end == start else f"{start} to {end}"
            for start, end in zip((0, *_KNOWN), ends, strict=True)
        ]
        lives = [
            "at all times" if np.isinf(half) else f"half-life {half:g} days"
            for half in HALF_LIVES[-len(self.popular) :]
        ]
        names = [*_SOFTMAX, *(f"popular, {life}" for life in lives)]
        table = pd.DataFrame(self.weights.numpy(), columns=names)
        table.insert(0, "SKUs bought", groups[: len(table)])
        return table

    def save(self, file: Path) -> None:
        """Write what :meth:`load` reads."""
        sold = torch.nonzero(self.popular.sum(dim=0) > 0).squeeze(1)
        kept = {"sold": sold, "popular": self.popular[:, sold].contiguous(), "weights": self.weights}
        save_file(kept | {"arrivals": self.arrivals, "came": self.came}, file)

    @classmethod
    def load(cls, file: Path, skus: int) -> "Demand":
        """Read what :meth:`save` wrote, for a registry of so many SKUs, perhaps longer than it was.

        SKUs that the registry has gained came last; each is worth what the likeliest arrival is.

        Raises
        ------
        RegistryError
            If another release wrote the file, or the registry is shorter than it was.
        """
        kept = load_file(file)
        try:
            sold, shares, weights = kept["sold"], kept["popular"], kept["weights"]
            arrivals, came = kept["arrivals"], kept["came"]
        except KeyError as error:
            raise _another_release(file, f"holds no {error}") from error
        if weights.shape[1] != (experts := len(_SOFTMAX) + len(shares)):
            raise _another_release(
                file, f"has weights of {weights.shape[1]} experts where {experts} are known"
            )
        if len(arrivals) > skus:
            raise RegistryError(
                f"{file} tells of {len(arrivals)} SKUs, the registry holds {skus}.",
                "Use the vocabulary it was trained with, or one that extends it (lineage.parent).",
            )
        popular = torch.zeros(len(shares), skus)
        popular[:, sold] = shares
        newest = arrivals.max() if len(arrivals) else torch.tensor(0.0)
        arrivals = torch.cat([arrivals, newest.expand(skus - len(arrivals))])
        came = torch.cat([came, torch.arange(len(came), skus)])
        return cls(popular, weights, arrivals, came)


def _another_release(file: Path, why: str) -> RegistryError:
    return RegistryError(
        f"{file} {why}: another release of Couturier wrote it.",
        "Train again, or set ranking.demand to false to rank by the model's scores alone.",
    )


def group_of(known: Sequence[int]) -> Integers:
    """Give the row of weights for customers with so many different SKUs bought.

    >>> group_of([0, 1, 3, 100]).tolist()
    [0, 1, 2, 5]
    """
    return np.digitize(known, _KNOWN)


def popular_of(
    events: pd.DataFrame, skus: "pd.Series[Any]", half_lives: Sequence[float] = HALF_LIVES
) -> Tensor:
    """Count everybody's purchases, each worth less the longer it is before the last of all.

    Parameters
    ----------
    events
        Purchases: ``sku, timestamp``. Those of SKUs that the registry does not hold are left out.
    skus
        The SKUs of the registry, ``n``.
    half_lives
        Days after which a purchase counts half, ``K``.

    Returns
    -------
    torch.Tensor
        ``(K, n)``: shares, one row for each half-life.
    """
    index = pd.Index(skus).get_indexer(events[c.SKU])
    index, events = index[index >= 0], events[index >= 0]
    days = (events[c.TIMESTAMP].max() - events[c.TIMESTAMP]).dt.total_seconds().to_numpy() / 86_400
    rows = [np.bincount(index, 0.5 ** (days / half), minlength=len(skus)) for half in half_lives]
    return torch.from_numpy(np.array([row / row.sum().clip(_LEAST) for row in rows])).float()


def fit_weights(told: Floats, groups: Integers, worth: Floats) -> Tensor:
    """Find how often each expert is right, by expectation maximisation.

    Groups with few purchases are drawn to what holds for all.

    Parameters
    ----------
    told
        ``(P, 2 + K)``: what each expert made of a purchase, as :meth:`Demand.told` gives it.
    groups
        ``(P,)``: of :func:`group_of`.
    worth
        ``(P,)``: how much a purchase counts; a customer's add up to one.

    Returns
    -------
    torch.Tensor
        ``(H, 2 + K)``: rows that add up to one.
    """
    experts = told.shape[1]
    everybody = _shares(told, worth, np.full(experts, 1 / experts), drawn=1.0)
    rows = [_shares(told[groups == group], worth[groups == group], everybody) for group in range(_GROUPS)]
    return torch.from_numpy(np.array(rows)).float()


def _shares(told: Floats, worth: Floats, start: Floats, drawn: float = _PRIOR) -> Floats:
    shares = start
    for _ in range(_ROUNDS):
        right = told * shares
        right *= (worth / right.sum(axis=1).clip(_LEAST))[:, None]
        shares = right.sum(axis=0) + drawn * start
        shares = shares / shares.sum()
    return shares
