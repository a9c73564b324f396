"""Distances between what was bought in the training window and what is bought now.

Fashion has seasons: four weeks of June differ from a year's average without any new trend. So besides the
distance to the training window each mix is compared, where the data reach back far enough, with the same
weeks a year earlier (52 weeks, so weekdays agree), and it counts as shifted only when it differs from both. A
small shop's mix also moves by chance: the distance must exceed what an equally large random sample of the
training window shows in 95 of 100 draws.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from rec_assets.drift.mixes import MIXES, NEW, NEW_SKU_SHARE, Window, daily_counts, days_sold, mix
from rec_assets.files import read_json
from rec_assets.params import Params
from rec_assets.params import Trends as TrendParams
from rec_assets.registry.champion import read_champion
from rec_assets.workspace import Workspace

YEAR = 364  # 52 whole weeks
DRAWS = 200
DIGITS = 6


@dataclass(frozen=True)
class Measure:
    """One measured distance.

    Parameters
    ----------
    name
        The dimension.
    distance
        Jensen-Shannon distance to the training window; for ``new_sku_share`` the share itself. In [0, 1].
    threshold
        ``trends.<name>`` in ``params.yaml``.
    shifted
        Whether it exceeds the threshold, chance and season.
    noise
        95th percentile of the distance of equally large random samples of the training window.
    last_year
        Distance to the same weeks a year earlier; none when the data do not reach back.
    """

    name: str
    distance: float
    threshold: float
    shifted: bool
    noise: float = 0.0
    last_year: float | None = None


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    r"""Jensen-Shannon distance, base 2: 0 for equal mixes, 1 for mixes that share nothing.

    .. math:: d(p, q) = \sqrt{\tfrac12 KL(p \| m) + \tfrac12 KL(q \| m)}, \quad m = \tfrac12 (p + q)

    The square root of the divergence of Lin (1991, IEEE Trans. Inf. Theory 37) is a metric
    (Endres & Schindelin 2003, IEEE Trans. Inf. Theory 49).

    Parameters
    ----------
    p, q
        Non-negative weights over the same values, shape (values,); each is normalised to sum 1.

    Raises
    ------
    ValueError
        When either has no weight at all.

    Examples
    --------
    >>> jensen_shannon(np.array([1, 1]), np.array([5, 5]))
    0.0
    >>> jensen_shannon(np.array([1, 0]), np.array([0, 1]))
    1.0
    >>> round(jensen_shannon(np.array([1, 0]), np.array([1, 1])), 4)
    0.5579
    """
    if p.sum() <= 0 or q.sum() <= 0:
        raise ValueError("a mix without purchases has no distance")
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2

    def divergence(weights: np.ndarray) -> float:
        there = weights > 0
        return float(np.sum(weights[there] * np.log2(weights[there] / middle[there])))

    # Rounding can leave a tiny negative, or a last bit above one.
    return float(np.sqrt(np.clip((divergence(p) + divergence(q)) / 2, 0, 1)))


def distance(first: pd.Series, second: pd.Series) -> float:
    """Jensen-Shannon distance of two mixes whose values may differ."""
    aligned = pd.concat([first, second], axis=1).fillna(0).to_numpy(dtype=float)  # (values, 2)
    return jensen_shannon(aligned[:, 0], aligned[:, 1])


def chance_distance(reference: pd.Series, purchases: int) -> float:
    """95th percentile of the distance that ``purchases`` random purchases of the reference show."""
    weights = reference.to_numpy(dtype=float)
    draws = np.random.default_rng(0).multinomial(purchases, weights / weights.sum(), size=DRAWS)
    return float(np.quantile([jensen_shannon(weights, draw) for draw in draws], 0.95))


def recent_window(sold: Window, reference: Window, recent_days: int) -> Window:
    """Take the newest days of data, never reaching into the reference."""
    start = max(sold.end - timedelta(recent_days - 1), reference.end + timedelta(1))
    return Window(start, sold.end)


def measure(counts: pd.DataFrame, reference: Window, recent: Window, params: TrendParams) -> list[Measure]:
    """Measure every dimension; empty when either window has no purchase.

    Parameters
    ----------
    counts
        From :func:`rec_assets.drift.mixes.daily_counts`.
    reference, recent
        The windows compared.
    params
        Thresholds.
    """
    novelty = mix(counts, NEW_SKU_SHARE, recent)
    if novelty.empty or mix(counts, NEW_SKU_SHARE, reference).empty:
        return []
    measures = [_mix_measure(counts, name, reference, recent, getattr(params, name)) for name in MIXES]
    share = round(float(novelty.get(NEW, 0)) / float(novelty.sum()), DIGITS)
    measures.append(Measure(NEW_SKU_SHARE, share, params.new_sku_share, share > params.new_sku_share))
    return measures


def _mix_measure(
    counts: pd.DataFrame, name: str, reference: Window, recent: Window, threshold: float
) -> Measure:
    before, now = mix(counts, name, reference), mix(counts, name, recent)
    away = round(distance(before, now), DIGITS)
    noise = round(chance_distance(before, int(now.sum())), DIGITS)
    year_ago = recent.back(YEAR)
    same_weeks = mix(counts, name, year_ago) if reference.start <= year_ago.start else pd.Series(dtype=float)
    season = None if same_weeks.empty else round(distance(same_weeks, now), DIGITS)
    shifted = away > max(threshold, noise) and (season is None or season > threshold)
    return Measure(name, away, threshold, shifted, noise, season)


def shifted(workspace: Workspace, params: Params) -> list[Measure]:
    """Measure the newest validated data against the champion's training window.

    Without a champion the window of the newest splits serves. No model is loaded: DuckDB counts purchases.

    Returns
    -------
    list of Measure
        All dimensions, with ``shifted`` set where fashion has moved; empty when there is nothing to compare
        (no data yet, or a model trained on a split without dates).

    Raises
    ------
    RegistryError
        When the champion's pointer is damaged.
    """
    boundary = _training_end(workspace)
    if boundary is None or not (workspace.validated / "transactions.parquet").exists():
        return []
    sold = days_sold(workspace.validated)
    if sold is None:
        return []
    reference = Window(sold.start, boundary - timedelta(1))
    counts = daily_counts(workspace.validated, reference, params.behaviour.price_tiers)
    recent = recent_window(sold, reference, params.trends.recent_days)
    return measure(counts, reference, recent, params.trends)


def _training_end(workspace: Workspace) -> date | None:
    windows: dict[str, str | None] = {}
    if champion := read_champion(workspace):
        windows = champion.windows or {}
    elif (workspace.splits / "windows.json").exists():
        windows = read_json(workspace.splits / "windows.json")
    start = windows.get("validation_start")
    return date.fromisoformat(start[:10]) if start else None
