"""What each part of the recipe brings on Amazon Beauty: one change at a time from ``params.yaml``.

``python benchmarks/ablations.py [--rows recipe "no gates" …] [--epochs 3] [--seeds 1]`` trains and ranks
every row of ``benchmarks/ablations.yaml`` as ``benchmarks/ranking.py --dataset beauty`` does, for fewer
epochs: rows compare with the row ``recipe`` here and not with that benchmark. Several ``--seeds`` tell what
a difference is worth. Rows land in ``benchmarks/results/ablations-beauty.json``.

What is finished is taken as it is, here and from ``benchmarks/results/runs/``, so rows can be run a few at a
time, or on several machines. What layers and branches bring apart, without training again:
``benchmarks/parts.py``.
"""

import argparse
import json
import os
import re
from pathlib import Path
from typing import Any

import yaml
from harness.asked import options, run_name, settings
from harness.results import PROJECT, summary, table, write
from harness.runs import Runs, kept_runs, result_file, work_folder

BENCHMARK = "ablations-beauty"
ROWS = Path(__file__).with_suffix(".yaml")


def file_name(row: str) -> str:
    """Name a row's files.

    >>> file_name("random layers, all trained")
    'random-layers-all-trained'
    """
    return re.sub(r"\W+", "-", row)


def arguments(row: str, changes: dict[str, Any], asked: argparse.Namespace) -> list[str]:
    """Give the command line of ``ranking.py`` that trains and ranks one row."""
    told = ["--dataset", "beauty", "--name", file_name(row)]
    told += ["--epochs", str(asked.epochs), "--threads", str(asked.threads)]
    for key, value in changes.items():
        told += ["--set", f"{key}={json.dumps(value)}"]
    return told + (["--customers", str(asked.customers)] if asked.customers else [])


def figures(line: list[str], asked: argparse.Namespace) -> list[dict[str, Any]]:
    """Train and rank one row, once a seed, or take what is finished."""
    of_row = options("", line)
    kept = kept_runs(PROJECT, BENCHMARK, asked.customers)
    work = work_folder(PROJECT, "ranking-beauty", asked.customers)
    script = str(Path(__file__).with_name("ranking.py"))
    runner = Runs(work, script, line, asked.threads, asked.fresh, kept)
    done = []
    for seed in asked.seeds:
        run = of_row.name, seed, of_row
        done.append(runner.figures(of_row.name, seed, run_name(*run), settings(*run)))
    command = " ".join(["python benchmarks/ranking.py", *line])
    return [{**run, "command": command} for run in done]


def main() -> None:
    known: dict[str, dict[str, Any]] = yaml.safe_load(ROWS.read_text())
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", nargs="+", default=list(known), choices=known, metavar="ROW")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], metavar="SEED")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--customers", type=int, help="smoke run: only the first N customers")
    parser.add_argument("--fresh", action="store_true", help="run again what was run before")
    asked = parser.parse_args()
    path = result_file(PROJECT, BENCHMARK, asked.customers)
    rows = {row["model"]: row for row in json.loads(path.read_text())["rows"]} if path.exists() else {}
    for name in asked.rows:
        runs = figures(arguments(name, known[name], asked), asked)
        rows[name] = summary(name, runs, deterministic=False)
        ordered = [rows[row] for row in known if row in rows]
        write(path, "python benchmarks/ablations.py", asked.seeds, ordered, epochs=asked.epochs)
    print(table(ordered))
    print(f"\n{path}")


if __name__ == "__main__":
    main()
