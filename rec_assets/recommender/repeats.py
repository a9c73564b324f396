"""How often customers buy an SKU again, and what that adds to the scores of what they had."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from rec_assets import columns as c
from rec_assets.recommender.bought import cells

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_LONGEST = 100  # different SKUs back: older ones are bought again about never
_PRIOR = 100.0  # baskets that each rate is drawn to the mean of all by
_LEAST, _MOST = 1e-6, 0.95


@dataclass(frozen=True)
class RepeatRates:
    """Purchases again, counted, as a part of the recommender beside its softmax.

    A next purchase is one again with the counted probability, or one that the softmax tells: the mixture of
    RepeatNet (arXiv 1812.02646), its repeat mode counted rather than trained, which a thousand customers are
    enough for.

    Parameters
    ----------
    rates
        Probability that the next purchase is the SKU bought last, the different one before it, and so on.
        Empty: scores are left alone.
    scored
        Whether the softmax was trained to score SKUs bought before. Where it was not
        (:attr:`~rec_assets.recommender.model.SkuLanguageModel.mask_seen`), what it says of them is dropped.
    """

    rates: tuple[float, ...] = ()
    scored: bool = True

    def mix(self, scores: Tensor, bought: Sequence[Integers]) -> None:
        """Change logits ``(B, n)`` of SKUs bought before, in place; those of all others keep theirs.

        Parameters
        ----------
        scores
            Logits of a softmax over SKUs.
        bought
            For each row its ``sku_index``, last one first, each once.
        """
        if not self.rates:
            return
        kept = cells([skus[: len(self.rates)] for skus in bought])
        row, sku, back = (torch.from_numpy(part) for part in kept)
        rate = torch.tensor(self.rates, dtype=scores.dtype)[back]
        again = torch.zeros(len(bought), dtype=scores.dtype).index_add_(0, row, rate)
        row, sku, rate, again = (value.to(scores.device) for value in (row, sku, rate, again))
        own = scores[row, sku]
        scores[row, sku] = -torch.inf
        new = scores.logsumexp(dim=1)  # (B,): what the softmax gives to SKUs not bought yet
        new = torch.where(new.isfinite(), new, 0.0)
        odds = rate.log() - torch.log1p(-again.clamp(max=_MOST))[row] + new[row]
        scores[row, sku] = torch.logaddexp(odds, own) if self.scored else odds

    def to_json(self) -> dict[str, Any]:
        """Give what :meth:`from_json` reads."""
        return {"rates": list(self.rates), "scored": self.scored}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "RepeatRates":
        """Read what :meth:`to_json` gave."""
        return cls(tuple(content["rates"]), bool(content["scored"]))


def read_repeats(behaviour: Path, *, dated: bool, scored: bool) -> RepeatRates:
    """Count over the training purchases of ``events.parquet``.

    Parameters
    ----------
    behaviour
        Folder of the stage ``behaviour``.
    dated
        Whether purchases have a day, whose order inside is unknown; else each is a basket of its own.
    scored
        As in :class:`RepeatRates`.
    """
    events = pd.read_parquet(behaviour / "events.parquet", columns=[c.CUSTOMER, c.SKU, c.TIMESTAMP, c.SPLIT])
    events = events[events[c.SPLIT] == "train"]
    basket = events[c.TIMESTAMP].dt.normalize() if dated else pd.Series(range(len(events)), events.index)
    return RepeatRates(tuple(repeat_rates(events[c.CUSTOMER], basket, events[c.SKU]).tolist()), scored)


def repeat_rates(customers: "pd.Series[Any]", baskets: "pd.Series[Any]", skus: "pd.Series[Any]") -> Floats:
    """Count which share of a basket is the SKU bought last before it, the different one before that, ….

    Units bought together are one purchase: a second size is no reason to show the shirt again tomorrow.

    Parameters
    ----------
    customers, baskets, skus
        A purchase each, in order of customer and time.

    Returns
    -------
    numpy.ndarray
        ``(100,)``: means over baskets, each drawn a little to the mean of all.
    """
    table = pd.DataFrame(
        {
            name: pd.factorize(values)[0]
            for name, values in zip("cbs", (customers, baskets, skus), strict=True)
        }
    ).drop_duplicates(ignore_index=True)
    opens = (table[["c", "b"]] != table[["c", "b"]].shift()).any(axis=1).to_numpy()
    start = np.flatnonzero(opens)  # (K,): of each basket
    basket = np.cumsum(opens) - 1
    size = np.diff([*start, len(table)])
    customer = table["c"].to_numpy()
    first = start[np.searchsorted(customer[start], customer[start])]  # (K,): the customer's first purchase
    fresh = ~table.duplicated(["c", "s"]).to_numpy()
    different = np.concatenate([[0], np.cumsum(fresh)])
    known = different[start] - different[first]  # (K,): different SKUs before it
    at_risk = np.bincount(np.minimum(known, _LONGEST), minlength=_LONGEST + 1)[::-1].cumsum()[::-1][1:]
    again = np.zeros(_LONGEST)
    sku = table["s"].to_numpy()
    places = pd.Series(np.arange(len(table)))
    before = places.groupby([table["c"], table["s"]]).shift().to_numpy()
    for place in np.flatnonzero(~fresh).tolist():
        since = sku[int(before[place]) + 1 : start[basket[place]]]
        if (back := len(np.unique(since))) < _LONGEST:
            again[back] += 1 / size[basket[place]]
    mean = max(again.sum() / max(at_risk.sum(), 1), _LEAST)
    rates: Floats = (again + _PRIOR * mean) / (at_risk + _PRIOR)
    return rates
