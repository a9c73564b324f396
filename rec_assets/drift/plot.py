"""The weekly distances as a picture."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import date2num
from matplotlib.figure import Figure

from rec_assets.drift.measures import Measure


def draw_weeks(
    weekly: pd.DataFrame, measures: Sequence[Measure], trained_until: str | None, path: Path
) -> None:
    """Draw one curve per dimension, its threshold dashed, the end of training as a vertical line."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    weeks = pd.to_datetime(weekly["week"])
    for number, one in enumerate(measures):
        colour = f"C{number}"
        axes.plot(weeks, weekly[one.name].astype(float), color=colour, label=one.name.replace("_", " "))
        axes.axhline(one.threshold, color=colour, linestyle="--", linewidth=0.8, alpha=0.6)
    if trained_until:
        axes.axvline(float(date2num(pd.Timestamp(trained_until))), color="grey", linewidth=1)
    axes.set(
        ylim=(0, 1), ylabel="distance to the training window", title="Weekly mix against the training window"
    )
    if measures:
        axes.legend(loc="upper left", ncols=2, frameon=False)
        figure.autofmt_xdate()
    # No software stamp: the same weeks give the same bytes.
    figure.savefig(path, dpi=110, metadata={"Software": None})
