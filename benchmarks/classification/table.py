"""The result file: a row for each method, base, data set and number of shots."""

import json
import statistics
from pathlib import Path
from typing import Any

from harness.results import commit, machine, summary

_FIGURES = ("train_samples_per_second", "latency_ms", "texts_per_second", "reading_seconds")
_WHERE = ("command", "machine", "threads")  # of the runs of one row, these may differ


def row(cell: dict[str, Any], runs: list[dict[str, Any]], deterministic: bool) -> dict[str, Any]:
    """Average the runs of one cell (``model, dataset, shots``), one a seed."""
    told = [name for name in _FIGURES if name in runs[0]]
    means = {name: round(statistics.fmean(run[name] for run in runs), 2) for name in told}
    own = {name: runs[0][name] for name in ("config", "recipe")}
    own |= {name: "; ".join(dict.fromkeys(str(run[name]) for run in runs)) for name in _WHERE}
    return summary(cell["model"], runs, deterministic) | cell | means | own


def merge(
    path: Path, part: str, rows: list[dict[str, Any]], command: str, seeds: list[int]
) -> dict[str, Any]:
    """Put rows in the place of the old ones of their cells, and write the file.

    Parameters
    ----------
    path
        The file.
    part
        ``rows`` or ``speed``.
    rows
        New ones; a cell is its ``dataset, shots, model``.
    command, seeds
        How they came about.
    """
    old = json.loads(path.read_text()) if path.exists() else {}
    new = {_cell(one) for one in rows}
    kept = [one for one in old.get(part, []) if _cell(one) not in new]
    result = {"rows": [], **old, "command": command, "commit": commit(), "machine": machine(), "seeds": seeds}
    result[part] = sorted([*kept, *rows], key=_cell)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".part")
    scratch.write_text(json.dumps(result, indent=2) + "\n")
    scratch.replace(path)
    return result


def render(rows: list[dict[str, Any]]) -> str:
    """Render rows as a Markdown table, accuracies in per cent."""
    head = ["data", "shots", "model", "accuracy", "macro-F1", "train s", "samples/s", "ms", "texts/s", "MB"]
    lines = [head, ["---"] * len(head)]
    for one in rows:
        cells = [one["dataset"], str(one["shots"]), one["model"]]
        for name in ("accuracy", "macro_f1"):
            value = one["metrics"][name]
            spread = "" if not value["sd"] else f" ± {100 * value['sd']:.1f}"
            cells.append(f"{100 * value['mean']:.1f}{spread}")
        cells += [f"{one['seconds']:,.1f}", f"{one['train_samples_per_second']:,.1f}"]
        cells += [f"{one['latency_ms']:,.1f}", f"{one['texts_per_second']:,.0f}", f"{one['peak_mb']:,}"]
        lines.append(cells)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(one: dict[str, Any]) -> tuple[str, float, str]:
    shots = one.get("shots")
    return str(one.get("dataset")), float("inf") if shots in ("all", None) else float(shots), one["model"]
