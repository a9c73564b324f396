"""The result file of a benchmark: rows of seeds' means, merged with the rows that are there."""

import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from harness.names import ALL
from rec_assets.backbone.precision import choose_precision

PROJECT = Path(__file__).resolve().parents[2]


def commit() -> str:
    """Name the commit, with ``+`` when tracked files differ from it."""
    asked = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(asked, cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def machine() -> str:
    """Say what it was measured on."""
    fast = "float32" if choose_precision() is torch.float32 else "bf16"
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {fast}"


def command_line(script: str) -> str:
    """Say how the benchmark was started, but not where on this machine its workspace lay."""
    told = list(sys.argv[1:])
    if "--home" in told:
        place = told.index("--home")
        del told[place : place + 2]
    return shlex.join(["python", f"benchmarks/{script}", *told])


def summary(model: str, runs: list[dict[str, Any]], deterministic: bool) -> dict[str, Any]:
    """Average one model's runs, one a seed.

    The s.d. is the sample's; it is 0 for a model without random numbers, and null for a single seed.
    Seconds and parameters are means, peak memory is the highest.
    """
    spread = 0.0 if deterministic else None
    metrics = {}
    for name in runs[0]["metrics"]:
        values = [run["metrics"][name] for run in runs]
        sd = statistics.stdev(values) if len(values) > 1 else spread
        metrics[name] = {"mean": statistics.fmean(values), "sd": sd}
    return {
        "model": model,
        "metrics": metrics,
        "seconds": round(statistics.fmean(run["seconds"] for run in runs), 1),
        "peak_mb": max(run["peak_mb"] for run in runs),
        "parameters": round(statistics.fmean(run["parameters"] for run in runs)),
        "seeds": [run["seed"] for run in runs],
        "command": runs[0]["command"],
        "commit": ", ".join(sorted({run["commit"] for run in runs})),
        "notes": [run["notes"] for run in runs],
    }


def merge(path: Path, row: dict[str, Any], command: str, seeds: list[int]) -> dict[str, Any]:
    """Put a row in the place of the model's old one, in the order of the models, and write the file."""
    old = json.loads(path.read_text())["rows"] if path.exists() else []
    rows = [row, *(other for other in old if other["model"] != row["model"])]
    rows.sort(key=lambda other: ALL.index(other["model"]) if other["model"] in ALL else len(ALL))
    return write(path, command, seeds, rows)


def write(
    path: Path, command: str, seeds: list[int], rows: list[dict[str, Any]], **further: Any
) -> dict[str, Any]:
    """Write the file of a benchmark, with what else there is to say of it; give what was written."""
    result = {"command": command, "commit": commit(), "machine": machine(), "seeds": seeds}
    result |= {**further, "rows": rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(result, indent=2) + "\n")
    part.replace(path)
    return result


def table(rows: list[dict[str, Any]]) -> str:
    """Render rows as a Markdown table."""
    names = list(rows[0]["metrics"])
    head = ["model", *names, "s", "peak MB", "parameters", "seeds"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        cells = [row["model"]]
        for name in names:
            value = row["metrics"][name]
            spread = "" if not value["sd"] else f" ± {value['sd']:.4f}"
            cells.append(f"{value['mean']:.4f}{spread}")
        cells += [f"{row['seconds']:,.0f}", f"{row['peak_mb']:,}", f"{row['parameters']:,}"]
        lines.append([*cells, str(len(row["seeds"]))])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
