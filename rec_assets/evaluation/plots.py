"""Plots of the evaluation, as PNG files whose bytes depend on the figures alone."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rec_assets.columns import CATEGORY, MASKED, MODEL
from rec_assets.evaluation.lists import RECOMMENDER

_ACCENT, _QUIET, _INK = "#1f4e5f", "#b8c4c9", "#22272b"


def save(figure: Figure, path: Path) -> Path:
    """Write a figure without the metadata that would change its bytes."""
    figure.savefig(path, dpi=110, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    return path


def plot_intervals(significance: pd.DataFrame, metric: str, path: Path) -> Path:
    """Draw each model's mean with its interval, unmasked lists, best on top."""
    chosen = significance[(significance["metric"] == metric) & ~significance[MASKED]].sort_values("mean")
    figure, axes = plt.subplots(figsize=(7, 0.36 * len(chosen) + 1))
    for place, row in enumerate(chosen.to_dict("records")):
        colour = _ACCENT if row[MODEL] == RECOMMENDER else _QUIET
        axes.plot(
            [row["low"], row["high"]], [place, place], color=colour, linewidth=3, solid_capstyle="round"
        )
        axes.plot(row["mean"], place, "o", color=colour, markersize=7)
    axes.set_yticks(range(len(chosen)), labels=chosen[MODEL])
    axes.set_xlabel(f"{metric} with its bootstrap interval")
    axes.set_xlim(left=0)
    return save(tidy(figure), path)


def plot_cutoffs(metrics: pd.DataFrame, metric: str, path: Path) -> Path:
    """Draw a metric over the cutoffs, one line per model, unmasked lists."""
    chosen = metrics[(metrics["metric"] == metric) & ~metrics[MASKED]]
    wide = chosen.pivot(index="cutoff", columns=MODEL, values="value")
    figure, axes = plt.subplots(figsize=(7, 4))
    for model in sorted(wide.columns, key=lambda name: name == RECOMMENDER):
        own = model == RECOMMENDER
        axes.plot(
            wide.index,
            wide[model],
            "o-",
            color=_ACCENT if own else _QUIET,
            linewidth=2.5 if own else 1.2,
            markersize=4,
        )
        axes.annotate(
            model,
            (wide.index[-1], wide[model].iloc[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            fontsize=7,
        )
    axes.set_xscale("log")
    axes.set_xticks(wide.index, labels=[str(k) for k in wide.index])
    axes.minorticks_off()
    axes.set_xlabel("length of the list")
    axes.set_ylabel(metric)
    return save(tidy(figure), path)


def plot_categories(table: pd.DataFrame, best_baseline: str | None, metric: str, path: Path) -> Path:
    """Draw recall by category, the recommender beside the best baseline, unmasked lists."""
    chosen = table[~table[MASKED] & table[MODEL].isin([RECOMMENDER, best_baseline])]
    wide = chosen.pivot(index=CATEGORY, columns=MODEL, values=metric)
    purchases = chosen.groupby(CATEGORY)["purchases"].max().sort_values(ascending=False, kind="stable")
    wide = wide.loc[purchases.index[:20][::-1]]
    figure, axes = plt.subplots(figsize=(7, 0.36 * len(wide) + 1))
    places = np.arange(len(wide))
    axes.barh(places + 0.2, wide[RECOMMENDER], 0.38, color=_ACCENT, label=RECOMMENDER)
    if best_baseline in wide:
        axes.barh(places - 0.2, wide[best_baseline], 0.38, color=_QUIET, label=best_baseline)
    axes.set_yticks(places, labels=[str(name)[:40].replace("$", r"\$") for name in wide.index])
    axes.set_xlabel(metric)
    axes.legend(frameon=False)
    return save(tidy(figure), path)


def plot_relations(relations: pd.DataFrame, path: Path) -> Path:
    """Draw the expected, listed and best-sellers' share of each relation."""
    shown = relations.iloc[::-1].reset_index(drop=True)
    figure, axes = plt.subplots(figsize=(7, 0.32 * len(shown) + 1))
    axes.hlines(shown.index, shown["popularity"], shown["expected"], color="#e3e7e9", linewidth=5)
    axes.plot(
        shown["popularity"],
        shown.index,
        "|",
        color=_QUIET,
        markersize=11,
        markeredgewidth=3,
        label="best-sellers",
    )
    axes.plot(
        shown["expected"], shown.index, "|", color=_INK, markersize=11, markeredgewidth=2, label="expected"
    )
    axes.plot(shown["model"], shown.index, "o", color=_ACCENT, markersize=6, label=RECOMMENDER)
    axes.set_yticks(
        shown.index, labels=[name[:60].replace("$", r"\$") for name in shown["relation"]], fontsize=8
    )
    axes.set_xlabel("share of purchases, or of the list")
    axes.legend(frameon=False, fontsize=8)
    return save(tidy(figure), path)


def tidy(figure: Figure) -> Figure:
    """Take away what carries no figure."""
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", color="#eef1f2")
        axes.set_axisbelow(True)
    return figure
