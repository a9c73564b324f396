"""How measured costs grow: lines, crossings, plots."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rec_assets.files import read_json
from rec_assets.params import read_params
from rec_assets.workspace import Workspace
from speed.ann import RECALL
from speed.plots import cost_curves

Rows = Sequence[dict[str, Any]]


def straight(rows: Rows) -> dict[str, float]:
    """Fit seconds against customers: the slope, what a run costs at least, and the share explained (R²)."""
    customers = np.array([row["customers"] for row in rows], dtype=float)
    seconds = np.array([row["seconds"] for row in rows])
    slope, start = np.polyfit(customers, seconds, 1)
    rest = seconds - (slope * customers + start)
    explained = 1 - float((rest**2).sum() / ((seconds - seconds.mean()) ** 2).sum())
    return {"ms_per_customer": 1e3 * float(slope), "seconds_at_0": float(start), "r2": explained}


def ann_from(rows: Rows, vectors: str) -> int | None:
    """Give the least catalogue from which on the index is faster at every size, with recall kept."""
    sizes = sorted(
        (row["skus"], row["ann_ms"] < row["exact_ms"] and row["ann_recall"] >= RECALL)
        for row in rows
        if row.get("vectors") == vectors and "ann_ms" in row
    )
    least = None
    for size, better in reversed(sizes):
        if not better:
            break
        least = size
    return least


def needed(home: Path, size: int, candidates: int | None) -> float:
    """Estimate the GiB of a training step beside the base model.

    Titles, ID vectors, their gradient, AdamW's two moments and two temporaries of its step are seven tables
    as long as the catalogue; the softmax holds some eight times its rows and four times its logits.
    """
    workspace = Workspace(home)
    width = read_json(workspace.base_model / "config.json")["hidden_size"]
    targets = read_params(workspace.params_file).training.batch_tokens
    rows = size if candidates is None else min(size, candidates + targets)
    return (7 * size * width + 8 * rows * width + 4 * rows * targets) * 4 / 2**30


def draw_cost(rows: Rows, ranking: Path, training: Path) -> None:
    """Draw ranking time by catalogue and by customers, and training time by catalogue."""

    def line(x: str, y: str, **chosen: str) -> list[tuple[float, float]]:
        fits = [row for row in rows if y in row and all(row.get(key) == chosen[key] for key in chosen)]
        return sorted((row[x], row[y]) for row in fits)

    lines = {"exact top-k": line("skus", "exact_ms", vectors="like real")}
    for vectors in ("like real", "random"):
        lines[f"HNSW, vectors {vectors}"] = line("skus", "ann_ms", vectors=vectors)
    cost_curves(
        ranking,
        [
            ("SKUs in the catalogue", "ms a customer, list of 10", _drawn(lines), True),
            (
                "customers",
                "seconds, forward pass included",
                {"one pass": line("customers", "seconds", model="customers")},
                False,
            ),
        ],
    )
    kinds = sorted({row["softmax"] for row in rows if "softmax" in row})
    steps = {f"softmax: {kind}": line("skus", "step_s", softmax=kind) for kind in kinds}
    cost_curves(training, [("SKUs sold", "seconds a step", _drawn(steps), True)])


def _drawn(lines: dict[str, list[tuple[float, float]]]) -> dict[str, list[tuple[float, float]]]:
    return {name: points for name, points in lines.items() if points}
