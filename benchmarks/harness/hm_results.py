"""The table of the H&M benchmark: judged customers of every run, pooled, with intervals and gains."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from harness.hm import BASELINES
from harness.names import COUTURIER
from harness.pooled import GAIN, SEED, pool
from rec_assets.columns import CUSTOMER, MODEL

Figures = dict[str, Any]


def comparable(figures: Figures, window: dict[str, Any]) -> bool:
    """Whether a run was judged on the same customers at the same dates."""
    return all(figures["settings"].get(name) == value for name, value in window.items())


def finished(
    work: Path,
    window: dict[str, Any],
    asked: list[Figures],
    command: str,
    now: Callable[[str, int], dict[str, Any]],
) -> list[Figures]:
    """Add to the runs asked for those of other models that lie finished and can be held against them.

    Parameters
    ----------
    work
        Where runs lie.
    window
        What makes two runs comparable.
    asked
        The runs asked for.
    command
        Of what was not asked for.
    now
        Settings of the product or its baselines, by name and seed, as ``params.yaml`` stands: a run of other
        parameters is left out. What an ablation changed only its own command knew, so one is taken as it is.
    """
    models = {figures["model"] for figures in asked}
    found = list(asked)
    for path in sorted(work.glob("*.json")):
        figures = json.loads(path.read_text())
        if "settings" not in figures or figures["model"] in models or not comparable(figures, window):
            continue
        model, seed = figures["model"], figures["seed"]
        if model in (BASELINES, *COUTURIER) and figures["settings"] != now(model, seed):
            continue
        if figures["name"] == f"{model}-{seed}":  # a recipe changed on the fly is no row
            found.append({"command": command, **figures})
    return found


def read_pairs(work: Path, runs: list[Figures]) -> pd.DataFrame:
    """Read the judged customers of finished runs."""
    return pd.concat([pd.read_parquet(work / f"{figures['name']}.parquet") for figures in runs])


def rows(pairs: pd.DataFrame, runs: list[Figures]) -> list[dict[str, Any]]:
    """Give one row a model: figures with intervals, its gain over the best baseline, its cost.

    The baselines' run gives a row each; its peak memory is that of the run.
    """
    rules = {str(name) for name in pairs[MODEL].unique()} - {
        figures["model"] for figures in runs if figures["model"] != BASELINES
    }
    pooled = pool(pairs, sorted(rules))
    table = []
    for model, row in pooled.items():
        own = [figures for figures in runs if figures["model"] == (BASELINES if model in rules else model)]
        table.append({"model": model, **row, **_cost(model, own), "seeds": [run["seed"] for run in own]})
    headline = "ndcg@10/unmasked"
    return sorted(table, key=lambda row: (row["model"] not in rules, row["metrics"][headline]["mean"]))


def _cost(model: str, runs: list[Figures]) -> dict[str, Any]:
    seconds = [run.get("seconds_by_model", {}).get(model, run["seconds"]) for run in runs]
    return {
        "seconds": round(sum(seconds) / len(seconds), 1),
        "peak_mb": max(run["peak_mb"] for run in runs),
        "parameters": runs[0]["parameters"],
        "command": runs[0]["command"],
        "commit": ", ".join(sorted({commit for run in runs for commit in run["commits"]})),
        "notes": [run["notes"] for run in runs],
    }


def judged_on(pairs: pd.DataFrame) -> dict[str, int]:
    """Count the customers, and the pairs of one of them and a date, behind the figures."""
    once = pairs[(pairs[MODEL] == pairs[MODEL].iloc[0]) & (pairs[SEED] == pairs[SEED].iloc[0])]
    once = once[once[[name for name in once if "@" in name]].notna().any(axis=1)]
    return {"customers": int(once[CUSTOMER].nunique()), "pairs": len(once)}


def table(found: list[dict[str, Any]], metrics: tuple[str, ...]) -> str:
    """Render rows as a Markdown table: each figure with its interval, and the gain over the best baseline."""
    head = ["model", *(cell for metric in metrics for cell in (metric, "gain")), "s", "peak MB"]
    lines = [head, ["---"] * len(head)]
    for row in found:
        cells = [row["model"]]
        for metric in metrics:
            value, gain = row["metrics"].get(metric), row[GAIN].get(metric)
            cells.append(f"{value['mean']:.4f} [{value['low']:.4f}, {value['high']:.4f}]" if value else "–")
            cells.append(_gain(gain) if gain else "–")
        lines.append([*cells, f"{row['seconds']:,.0f}", f"{row['peak_mb']:,}"])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _gain(gain: dict[str, Any]) -> str:
    low, high, mean = (gain[name] for name in ("low", "high", "mean"))
    if mean is None:
        return f"{gain['difference']['mean']:+.4f}"
    bounds = (f"{bound:+.0%}" if bound is not None else "?" for bound in (low, high))
    return f"{mean:+.0%} [{', '.join(bounds)}]"
