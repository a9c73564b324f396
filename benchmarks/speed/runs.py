"""Measurements in processes of their own, and the file their rows end in."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from harness.results import PROJECT, commit


def work_folder(benchmark: str, smoke: bool) -> Path:
    """Give the folder of single measurements; a smoke run, whose figures mean nothing, has one of its own."""
    return PROJECT / "data" / "benchmarks" / (f"{benchmark}-smoke" if smoke else benchmark)


def result_file(benchmark: str, smoke: bool) -> Path:
    """Give the file of rows."""
    folder = work_folder(benchmark, smoke) if smoke else PROJECT / "benchmarks" / "results"
    return folder / f"{benchmark}.json"


def image_file(name: str, benchmark: str, smoke: bool) -> Path:
    """Give the file of a plot."""
    return (work_folder(benchmark, smoke) if smoke else PROJECT / "docs" / "images") / f"{name}.png"


def measured(
    script: Path,
    name: str,
    settings: dict[str, Any],
    folder: Path,
    *,
    threads: int,
    fresh: bool,
) -> dict[str, Any]:
    """Take a finished measurement of the same settings, or make it in a new process.

    The script is called with ``--one SETTINGS --to FILE``, where ``SETTINGS`` is JSON.

    Parameters
    ----------
    script
        The benchmark.
    name
        Of the measurement's file.
    settings
        All that it depends on.
    folder
        Where finished ones lie.
    threads
        Of every library.
    fresh
        Measure again what was measured before.
    """
    path = folder / f"{name}.json"
    settings = {**settings, "threads": threads}
    if path.exists() and not fresh:
        old = json.loads(path.read_text())
        if old["settings"] == settings:
            print(f"{name}: taken from {path}", file=sys.stderr)
            return old
    print(f"{name} …", file=sys.stderr)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    command = [sys.executable, str(script), "--one", json.dumps(settings), "--to", str(part)]
    subprocess.run(command, check=True, env={**os.environ, **limits}, stdout=subprocess.DEVNULL)
    figures = {"settings": settings, "commit": commit(), **json.loads(part.read_text())}
    path.write_text(json.dumps(figures, indent=2) + "\n")
    part.unlink()
    return figures
