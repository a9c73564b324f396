"""Which SKUs never sold may sell next: those that came when others, first sold of late, came."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from rec_assets import columns as c

Integers = npt.NDArray[np.int64]

_HALF_LIFE: Final = 14.0  # days after which a first sale says half as much
_NEAR: Final = 0.01  # of all SKUs: how far in the order of coming a first sale speaks for its neighbours
_LEAST: Final = 0.03  # share of purchases that the order says nothing of
_TELLING: Final = 0.1  # rank correlation with first sales below which an order says nothing at all


def order_of_coming(skus: "pd.Series[str]", articles: pd.DataFrame) -> Integers:
    """Give each SKU's place in the order of coming: by introduction, by code where one of them is unknown.

    Retailers count codes up; :func:`arrivals_of` finds out whether they do. SKUs that have left the catalogue
    need no introduction.

    Parameters
    ----------
    skus
        Of the registry, ``n``.
    articles
        The catalogue: ``sku, introduced``.

    Returns
    -------
    numpy.ndarray
        ``(n,)``: 0 for the one that came first.
    """
    introduced = articles.set_index(c.SKU)[c.INTRODUCED].reindex(skus)
    keys = pd.DataFrame({"day": introduced.to_numpy(), "code": skus.to_numpy()})
    by = ["day", "code"] if articles[c.INTRODUCED].notna().all() else ["code"]
    places = np.empty(len(skus), np.int64)
    order = keys.sort_values(by, kind="stable", na_position="first").index.to_numpy()
    places[order] = np.arange(len(skus))
    return places


def arrivals_of(events: pd.DataFrame, skus: "pd.Series[str]", came: Integers) -> Tensor:
    """Share purchases of SKUs never sold out among these; alike where the order tells nothing of first sales.

    Parameters
    ----------
    events
        Purchases: ``sku, timestamp``.
    skus
        Of the registry, ``n``.
    came
        ``(n,)``: of :func:`order_of_coming`; what the registry has gained since came last.

    Returns
    -------
    torch.Tensor
        ``(n,)``: 0 for SKUs sold; the others add up to one, if there are any.
    """
    first = events.groupby(c.SKU)[c.TIMESTAMP].min().reindex(skus)
    days = (events[c.TIMESTAMP].max() - first).dt.total_seconds().to_numpy() / 86_400
    unsold = np.isnan(days)
    worth = np.where(unsold, 0.0, 0.5 ** (days / _HALF_LIFE))
    came = np.concatenate([came, np.arange(len(came), len(skus))])
    order = np.argsort(came, kind="stable")
    near = np.empty(len(skus))
    near[order] = gaussian_filter1d(worth[order], max(1.0, _NEAR * len(skus)), mode="nearest")
    if pd.Series(came[~unsold]).corr(pd.Series(-days[~unsold]), method="spearman") < _TELLING:
        near[:] = 0.0
    near, even = near * unsold, unsold.astype(np.float64)
    shares = (1 - _LEAST) * near / max(near.sum(), 1e-30) + _LEAST * even / max(even.sum(), 1.0)
    return torch.from_numpy(shares / max(shares.sum(), 1e-30)).float()
