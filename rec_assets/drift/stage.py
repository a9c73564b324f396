"""The ``trends`` stage: this run's training window against its newest weeks.

It compares with this run's own training window, not the champion's, so that the same inputs give the same
report; the sensor that starts a retraining compares with the champion's (``measures.shifted``).
"""

from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from rec_assets.columns import PURCHASES
from rec_assets.drift.measures import Measure, distance, measure, recent_window
from rec_assets.drift.mixes import (
    DAY,
    DIMENSION,
    MIXES,
    NEW,
    NEW_SKU_SHARE,
    VALUE,
    Window,
    daily_counts,
    days_sold,
    mix,
)
from rec_assets.drift.plot import draw_weeks
from rec_assets.files import atomic_folder, read_json, write_json
from rec_assets.params import Params
from rec_assets.pipeline import StageReport
from rec_assets.workspace import Workspace

WEEK = "week"
REFERENCE_SHARE = "reference_share"
RECENT_SHARE = "recent_share"


def run(workspace: Workspace, params: Params) -> StageReport:
    """Write ``trends.json``, ``mix.csv``, ``weekly.csv`` and ``trends.png``."""
    windows = read_json(workspace.splits / "windows.json")
    sold = days_sold(workspace.validated)
    if windows["validation_start"] is None or sold is None:
        return _nothing_to_compare(workspace)
    reference = Window(sold.start, date.fromisoformat(windows["validation_start"][:10]) - timedelta(1))
    recent = recent_window(sold, reference, params.trends.recent_days)
    counts = daily_counts(workspace.validated, reference, params.behaviour.price_tiers)
    measures = measure(counts, reference, recent, params.trends)
    rows = [asdict(one) for one in measures]
    result = {
        "measures": rows,
        "reference": reference.as_list(),
        "recent": recent.as_list(),
    }
    mixes = pd.concat([_shares(counts, name, reference, recent) for name in (*MIXES, NEW_SKU_SHARE)])
    final = workspace.reports / "trends"
    _write(final, result, mixes, weekly_distances(counts, reference), measures)
    moved = [one.name for one in measures if one.shifted]
    return StageReport(
        summary=f"Shifted since training: {', '.join(moved)}."
        if moved
        else "No mix has shifted since training.",
        rows={"days": recent.days, "recent purchases": int(mix(counts, NEW_SKU_SHARE, recent).sum())},
        metrics={f"drift_{one.name}": one.distance for one in measures},
        tables={"measures": pd.DataFrame(rows)},
        plots=(final / "trends.png",),
    )


def weekly_distances(counts: pd.DataFrame, reference: Window) -> pd.DataFrame:
    """Distance of every calendar week to the reference.

    Returns
    -------
    DataFrame
        ``week`` (its Monday, ISO), ``purchases``, one column per dimension; ``new_sku_share`` as a share.
    """
    mondays = counts[DAY].dt.to_period("W-SUN").dt.start_time
    rows: list[dict[str, Any]] = []
    references = {name: mix(counts, name, reference) for name in MIXES}
    for monday, week in counts.groupby(mondays):
        novelty = week[week[DIMENSION] == NEW_SKU_SHARE].groupby(VALUE)[PURCHASES].sum()
        row: dict[str, Any] = {WEEK: f"{monday:%Y-%m-%d}", PURCHASES: int(novelty.sum())}
        for name, before in references.items():
            now = week[week[DIMENSION] == name].groupby(VALUE)[PURCHASES].sum()
            row[name] = None if before.empty else round(distance(before, now), 6)
        row[NEW_SKU_SHARE] = round(float(novelty.get(NEW, 0)) / float(novelty.sum()), 6)
        rows.append(row)
    return pd.DataFrame(rows, columns=[WEEK, PURCHASES, *MIXES, NEW_SKU_SHARE])


def _shares(counts: pd.DataFrame, name: str, reference: Window, recent: Window) -> pd.DataFrame:
    both = pd.DataFrame(
        {
            REFERENCE_SHARE: mix(counts, name, reference),
            RECENT_SHARE: mix(counts, name, recent),
        }
    ).fillna(0)
    shares = (both / both.sum().clip(lower=1)).round(6).rename_axis(VALUE).reset_index()
    shares.insert(0, DIMENSION, name)
    return shares


def _write(
    final: Path, result: dict[str, Any], mixes: pd.DataFrame, weekly: pd.DataFrame, measures: list[Measure]
) -> None:
    with atomic_folder(final) as folder:
        write_json(result, folder / "trends.json")
        mixes.to_csv(folder / "mix.csv", index=False)
        weekly.to_csv(folder / "weekly.csv", index=False)
        draw_weeks(weekly, measures, result["reference"][1], folder / "trends.png")


def _nothing_to_compare(workspace: Workspace) -> StageReport:
    """Without dates there is no earlier and later: say so in the same files."""
    note = "The split has no dates, so there is no training window to compare with."
    result = {"measures": [], "reference": [None, None], "recent": [None, None], "note": note}
    mixes = pd.DataFrame(columns=[DIMENSION, VALUE, REFERENCE_SHARE, RECENT_SHARE])
    weekly = pd.DataFrame(columns=[WEEK, PURCHASES, *MIXES, NEW_SKU_SHARE])
    _write(workspace.reports / "trends", result, mixes, weekly, [])
    return StageReport(summary=note)
