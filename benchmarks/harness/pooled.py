"""Figures pooled over cut-off dates, with intervals that know that a customer may come several times.

A customer asked at three cut-off dates is not three customers: whole customers are drawn, each with all its
cut-offs (cluster bootstrap; Davison & Hinkley, 1997, §3.8). Every model is judged on the same draws, so a
difference keeps the pairing.
"""

import math
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.judged import AS_OF
from rec_assets.columns import CUSTOMER, MODEL
from rec_assets.evaluation.significance import bootstrap_means, interval, p_value

SEED = "seed"
GAIN = "gain over best baseline"
Row = dict[str, Any]


def pool(
    pairs: pd.DataFrame, rules: Sequence[str], samples: int = 2000, confidence: float = 0.95, seed: int = 1
) -> dict[str, Row]:
    """Average every metric over pairs of a customer and a cut-off, and measure the lead over the best rule.

    Parameters
    ----------
    pairs
        ``as_of``, ``customer_id``, ``model``, ``seed`` and metrics (names with ``@``), NaN where not judged.
        A model's seeds are averaged within a pair.
    rules
        Models that are baselines; for each metric the best of them on these pairs is the one to beat.
    samples, confidence, seed
        Of the bootstrap.

    Returns
    -------
    dict
        By model: ``metrics`` with ``mean``, ``sd`` (between seeds, null for one), ``low``, ``high``; and for
        all but the best baseline its gain over it, ``{metric: {baseline, mean, low, high, difference,
        p_value}}``: relative, null where that baseline finds nothing, and absolute under ``difference``.

    Raises
    ------
    ValueError
        When a model was not judged on the same pairs as the others.
    """
    rows: dict[str, Row] = {model: {"metrics": {}, GAIN: {}} for model in pairs[MODEL].unique()}
    for metric in [str(name) for name in pairs.columns if "@" in str(name)]:
        wide = pairs.groupby([CUSTOMER, AS_OF, MODEL])[metric].mean().unstack(MODEL).dropna(how="all")
        if wide.empty:
            continue
        if wide.isna().any(axis=None):
            odd = wide.columns[wide.isna().any()]
            raise ValueError(
                f"{metric}: {', '.join(odd)} judged on other customers or cut-offs than the rest"
            )
        models = list(wide.columns)
        by_customer = wide.groupby(level=CUSTOMER)
        clusters = np.column_stack([by_customer.sum().to_numpy(), by_customer.size().to_numpy()])
        drawn = bootstrap_means(clusters.astype(float), samples, seed)
        means = drawn[:, :-1] / drawn[:, -1:]  # (B, M)
        low, high = interval(means, confidence)
        average = wide.mean()
        best = max((name for name in models if name in rules), key=lambda name: average[name], default=None)
        for place, model in enumerate(models):
            rows[model]["metrics"][metric] = {
                "mean": float(average[model]),
                "sd": _between_seeds(pairs[pairs[MODEL] == model], metric),
                "low": float(low[place]),
                "high": float(high[place]),
            }
            if best is not None and model != best:
                rival = models.index(best)
                lead = _lead(means[:, place], means[:, rival], average[model], average[best], confidence)
                rows[model][GAIN][metric] = {"baseline": best, **lead}
    return rows


def _lead(own: np.ndarray, rival: np.ndarray, mean: float, rival_mean: float, confidence: float) -> Row:
    apart = own - rival
    low, high = interval(apart, confidence)
    found: Row = {"mean": None, "low": None, "high": None}
    if rival_mean > 0:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where((rival == 0) & (own == 0), 0.0, own / rival - 1)
            bounds = np.quantile(
                ratio, [(1 - confidence) / 2, (1 + confidence) / 2], method="inverted_cdf"
            )  # no interpolation: a resample in which the rival finds nothing gives infinity
        values = (mean / rival_mean - 1, *bounds)
        names = ("mean", "low", "high")
        found = {
            name: float(value) if math.isfinite(value) else None
            for name, value in zip(names, values, strict=True)
        }
    difference = {"mean": float(mean - rival_mean), "low": float(low), "high": float(high)}
    return {**found, "difference": difference, "p_value": float(p_value(apart))}


def _between_seeds(pairs: pd.DataFrame, metric: str) -> float | None:
    means = pairs.groupby(SEED)[metric].mean().tolist()
    return statistics.stdev(means) if len(means) > 1 else None
