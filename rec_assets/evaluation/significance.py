"""How sure the figures are: bootstrap over customers, paired between models.

Each resample draws the same customers for every model, so a difference keeps the pairing: a customer who is
hard for one model is hard for the other (Efron & Tibshirani, 1993; Sakai, 2006, doi:10.1145/1148170.1148261).
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rec_assets.columns import CUSTOMER, MASKED, MODEL
from rec_assets.evaluation.lists import RECOMMENDER

Floats = NDArray[np.float64]

_CELLS = 20_000_000  # resampling weights held at once: 160 MB


def bootstrap_means(values: Floats, samples: int, seed: int) -> Floats:
    """Means of resampled customers.

    Parameters
    ----------
    values
        (U, M) a metric by customer and model, without NaN.
    samples
        Number of resamples B.
    seed
        Of the draws.

    Returns
    -------
    numpy.ndarray
        (B, M) means; row ``b`` used the same customers for every model.

    Examples
    --------
    >>> bootstrap_means(np.ones((5, 2)), 3, seed=0)
    array([[1., 1.],
           [1., 1.],
           [1., 1.]])
    """
    customers = len(values)
    random = np.random.default_rng(seed)
    even = np.full(customers, 1 / customers)
    block = max(1, _CELLS // customers)
    drawn = [
        random.multinomial(customers, even, size=min(block, samples - start)) @ values
        for start in range(0, samples, block)
    ]
    return np.concatenate(drawn) / customers


def interval(means: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Percentile interval of (B, …) bootstrap values, along the first axis."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return low, high


def p_value(differences: Floats) -> Floats:
    r"""Two-sided p of (B, …) bootstrap differences: how readily a resample changes their sign.

    .. math:: p = \min\left(1,\ 2 \cdot \frac{1 + \min(|\{d^*_b \le 0\}|, |\{d^*_b \ge 0\}|)}{B + 1}\right)

    The added one keeps p above zero: B resamples cannot show less than 1 / (B + 1) (Davison & Hinkley, 1997).

    Examples
    --------
    >>> p_value(np.array([1.0, 2.0, 3.0]))
    array(0.5)
    """
    below, above = (differences <= 0).sum(axis=0), (differences >= 0).sum(axis=0)
    return np.asarray(np.minimum(1.0, 2 * (1 + np.minimum(below, above)) / (len(differences) + 1)))


def significance(
    per_customer: pd.DataFrame, metrics: tuple[str, ...], samples: int, confidence: float, seed: int
) -> pd.DataFrame:
    """Interval of every model's mean, and of the recommender's lead over every other model.

    Parameters
    ----------
    per_customer
        Columns ``customer_id``, ``model``, ``masked`` and the metrics.
    metrics
        Columns to judge.
    samples, confidence, seed
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        One row per mode, metric and model: ``mean``, ``low``, ``high``; ``difference`` (recommender minus
        model) with ``difference_low``, ``difference_high``, ``p_value``, all NaN for the recommender itself.
    """
    rows = []
    for masked, mode in per_customer.groupby(MASKED, sort=True):
        for metric in metrics:
            wide = mode.pivot(index=CUSTOMER, columns=MODEL, values=metric).dropna().sort_index()
            if wide.empty:
                continue
            frame = pd.DataFrame(
                {
                    MASKED: masked,
                    "metric": metric,
                    MODEL: wide.columns,
                    "customers": len(wide),
                    "mean": wide.mean().to_numpy(),
                }
            ).join(leads(wide.to_numpy(), list(wide.columns), samples, confidence, seed))
            rows.append(frame.sort_values("mean", ascending=False, kind="stable"))
    return pd.concat(rows, ignore_index=True)


def leads(values: Floats, models: list[str], samples: int, confidence: float, seed: int) -> pd.DataFrame:
    """Interval of each model's mean, and of the recommender's lead over it.

    Parameters
    ----------
    values
        (U, M) a metric by customer and model, without NaN.
    models
        (M,) their names, the recommender among them.
    samples, confidence, seed
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        (M,) rows ``low, high, difference, difference_low, difference_high, p_value``; the last four are NaN
        for the recommender itself.
    """
    means = bootstrap_means(values, samples, seed)
    low, high = interval(means, confidence)
    own = models.index(RECOMMENDER)
    ahead = means[:, [own]] - means
    ahead_low, ahead_high = interval(ahead, confidence)
    average = values.mean(axis=0)
    table = pd.DataFrame(
        {
            "low": low,
            "high": high,
            "difference": average[own] - average,
            "difference_low": ahead_low,
            "difference_high": ahead_high,
            "p_value": p_value(ahead),
        }
    )
    table.loc[own, ["difference", "difference_low", "difference_high", "p_value"]] = np.nan
    return table
