"""What everybody buys of late, and how often something never sold is bought: the prior of a list."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from rec_assets import columns as c

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

HALF_LIVES = (7.0, 30.0, 90.0, np.inf)  # days after which a purchase counts half
_KNOWN = (1, 2, 4, 8, 16)  # different SKUs bought: customers of up to so many share weights
_GROUPS = len(_KNOWN) + 1
_SOFTMAX = 2  # experts that the softmax gives: SKUs sold before, and those never sold
_PRIOR = 20.0  # customers that the weights of each group are drawn to those of all by
_ROUNDS = 200
_LEAST = 1e-30
_NONE = np.empty(0, np.int64)


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
        softmax tells the next SKU among those sold, among the others, and how often each popularity does.
        Empty: scores are left alone.
    """

    popular: Tensor = field(default_factory=lambda: torch.zeros(len(HALF_LIVES), 0))
    weights: Tensor = field(default_factory=lambda: torch.zeros(0, _SOFTMAX + len(HALF_LIVES)))

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
        popular = self.popular.to(scores)
        sold = (popular[-1] > 0).to(scores.dtype)  # (n,)
        past = (
            torch.from_numpy(np.repeat(np.arange(len(bought)), known)).to(scores.device),
            torch.from_numpy(np.concatenate([*bought, _NONE])).to(scores.device),
        )
        scores.sub_(scores.amax(dim=1, keepdim=True)).exp_()
        own = scores[past]
        scores[past] = 0.0
        # Each sum by itself: what few SKUs never sold hold is lost in the difference of two large sums.
        of_sold, of_new = scores @ sold, scores @ (1 - sold)
        scores[past] = own
        old = weights[:, 0] / of_sold.clamp(min=_LEAST)
        new = weights[:, 1] / of_new.clamp(min=_LEAST)
        scores.mul_(torch.where(sold > 0, old[:, None], new[:, None]))
        scores.addmm_(weights[:, _SOFTMAX:], popular)
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
        popular = self.popular.to(scores)
        sold = popular[-1] > 0
        rows = []
        for own, past, skus in zip(scores, bought, wanted, strict=True):
            chances = own.index_fill(0, torch.from_numpy(past).to(own.device), -torch.inf).softmax(0)
            of_sold, of_new = (chances[kind].sum().clamp(min=_LEAST) for kind in (sold, ~sold))
            for sku in skus.tolist():
                chance, known = chances[sku], sold[sku]
                fresh = chance * ~known / of_new
                rows.append(torch.stack([chance * known / of_sold, fresh, *popular[:, sku]]))
        return torch.stack(rows) if rows else scores.new_empty((0, _SOFTMAX + len(popular)))

    def renewed(self, events: pd.DataFrame, skus: "pd.Series[Any]") -> "Demand":
        """Keep the weights and count popularity anew: what is bought of late changes sooner than they do.

        Parameters
        ----------
        events, skus
            As in :func:`popular_of`.
        """
        if not len(self.weights) or events.empty:
            return self
        return Demand(popular_of(events, skus, HALF_LIVES[-len(self.popular) :]), self.weights)

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
        names = ["model, sold before", "model, never sold", *(f"popular, {life}" for life in lives)]
        table = pd.DataFrame(self.weights.numpy(), columns=names)
        table.insert(0, "SKUs bought", groups[: len(table)])
        return table

    def save(self, file: Path) -> None:
        """Write what :meth:`load` reads."""
        sold = torch.nonzero(self.popular.sum(dim=0) > 0).squeeze(1)
        kept = {"sold": sold, "popular": self.popular[:, sold].contiguous(), "weights": self.weights}
        save_file(kept, file)

    @classmethod
    def load(cls, file: Path, skus: int) -> "Demand":
        """Read what :meth:`save` wrote, for a registry of so many SKUs, perhaps longer than it was."""
        kept = load_file(file)
        popular = torch.zeros(len(kept["popular"]), skus)
        popular[:, kept["sold"]] = kept["popular"]
        return cls(popular, kept["weights"])


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
