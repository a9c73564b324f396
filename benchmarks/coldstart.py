"""What the product knows of SKUs, customers and catalogues that it has not seen, on H&M, by time.

``python benchmarks/coldstart.py [--tasks newcomers catalogue] [--cutoffs 2020-05-27 …] [--seeds 1 2 3]``
writes ``benchmarks/results/coldstart.json``, a row a task and a model:

- **new SKUs**: only the articles that nobody bought before the cut-off date are candidates, ranked from their
  title vectors, no training on them. Against chance, the popularity of their category and namesakes within
  the customer's own mix of categories, and title kNN.
- **new customers: histories withheld**: every test customer asked as if for the first time, by age, club
  membership and month alone; **none at all**: those of them who had bought nothing before. Against what is
  popular, popular in the last days, and popular in the customer's age group.
- **new catalogue**: trained on the purchases of one part of the catalogue (``index_group_name``), asked to
  rank another part for its customers, their histories being titles the model never saw sold. Against rules
  that have learnt from that other part: popular, popular in category, repeat, title kNN.

Pairs of a customer and a date are pooled; intervals resample customers. Each row tells its gain over the best
of its task's rules; rows of tasks and models not asked for stay in the file. The first two tasks use the
models of ``benchmarks/ranking.py --dataset hm``, and train those that are not there. Runs stay in
``data/benchmarks/``; a run that was killed goes on. A smoke run (``--customers``) writes its rows there too.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
from harness.asked import changes, run_name, settings
from harness.asked import options as ranking_options
from harness.memory import peak_mb
from harness.names import COUTURIER, CUTOFFS
from harness.results import PROJECT, command_line, commit, write
from harness.runs import Runs, result_file, work_folder

TASKS = ("newcomers", "catalogue")
NEW_CATALOGUE = "new catalogue"
GROUPS = ("Ladieswear:Divided", "Ladieswear:Menswear")
HEADLINES = {
    "new SKUs": ("ndcg@10/never_bought", "recall@10/never_bought", "recall@100/never_bought"),
    "new": ("ndcg@10/unmasked", "recall@10/unmasked", "recall@100/unmasked"),
}


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--model", choices=COUTURIER, default="couturier")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], metavar="SEED")
    parser.add_argument("--cutoffs", nargs="+", default=list(CUTOFFS), metavar="DATE")
    parser.add_argument("--groups", nargs="+", default=list(GROUPS), metavar="TRAINED:ASKED")
    parser.add_argument("--customers", type=int, help="smoke run: only the first N customers")
    parser.add_argument("--epochs", type=int, help="at most")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--fresh", action="store_true", help="run again, but for the models of ranking.py")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    asked.cutoffs = sorted(asked.cutoffs)
    return asked


def as_ranking(asked: argparse.Namespace) -> argparse.Namespace:
    """Say in the ranking benchmark's words which model is meant, so that it is trained once for both."""
    words = ["--dataset", "hm", "--models", asked.model, "--threads", str(asked.threads), "--cutoffs"]
    words += asked.cutoffs
    for flag in ("customers", "epochs"):
        if (value := getattr(asked, flag)) is not None:
            words += [f"--{flag}", str(value)]
    return ranking_options("", words)


def newcomers(asked: argparse.Namespace, seed: int) -> pd.DataFrame:
    from harness.hm import hm_source, workspaces
    from harness.newcomers import newcomer_pairs
    from harness.stages import run_until

    ranking = as_ranking(asked)
    work = work_folder(PROJECT, "ranking-hm", asked.customers)
    source = {"source.path": str(hm_source(work, asked.customers))}
    changed = {**source, **(changes(asked.model, seed, ranking) or {})}
    frames = []
    for _, here in workspaces(run_name(asked.model, seed, ranking), asked.cutoffs, changed, work):
        run_until(here, "holdout_rankings")
        for task, frame in newcomer_pairs(asked.model, here, seed).items():
            frames.append(frame.assign(task=task))
    return pd.concat(frames, ignore_index=True)


def catalogue(asked: argparse.Namespace, seed: int, work: Path) -> pd.DataFrame:
    from harness.new_catalogue import zero_shot_pairs

    ranking = as_ranking(asked)
    changed = changes(asked.model, seed, ranking) or {}
    run = f"catalogue-{run_name(asked.model, seed, ranking)}"
    frames = []
    for pair in asked.groups:
        known, _, new = pair.partition(":")
        frame = zero_shot_pairs(asked.model, (known, new), run, asked.cutoffs, changed, work, asked.customers)
        frames.append(frame.assign(task=f"{NEW_CATALOGUE}: {known} → {new}"))
    return pd.concat(frames, ignore_index=True)


def run_settings(task: str, seed: int, asked: argparse.Namespace) -> dict[str, Any]:
    """Tell what makes two runs equal."""
    groups = {"groups": asked.groups} if task == "catalogue" else {}
    return settings(asked.model, seed, as_ranking(asked)) | groups


def measure(asked: argparse.Namespace, work: Path) -> None:
    """Run one task with one seed, here; write its judged customers and its cost."""
    seed, start = asked.seeds[0], time.perf_counter()
    name = f"{asked.one}-{run_name(asked.model, seed, as_ranking(asked))}"
    pairs = newcomers(asked, seed) if asked.one == "newcomers" else catalogue(asked, seed, work)
    pairs.assign(seed=seed).to_parquet(work / f"{name}.parquet", index=False)
    figures = {
        "seed": seed,
        "settings": run_settings(asked.one, seed, asked),
        "commit": commit(),
        "seconds": round(time.perf_counter() - start, 1),
        "peak_mb": peak_mb(),
    }
    (work / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n")


def with_other_rows(rows: list[dict[str, Any]], path: Path) -> list[dict[str, Any]]:
    """Add what the result file holds of tasks and models that were not run now; newcomers come first."""
    old = json.loads(path.read_text())["rows"] if path.exists() else []
    every = {(row["task"], row["model"]): row for row in [*old, *rows]}
    tasks = list(dict.fromkeys(task for task, _ in every))
    return sorted(
        every.values(), key=lambda row: (row["task"].startswith(NEW_CATALOGUE), tasks.index(row["task"]))
    )


def main() -> None:
    arguments = sys.argv[1:]
    asked = options(arguments)
    work = work_folder(PROJECT, "coldstart", asked.customers)
    if asked.one:
        measure(asked, work)
        return
    from harness.coldstart_results import judged_rows
    from harness.hm_results import table

    runner = Runs(work, __file__, arguments, asked.threads, asked.fresh)
    command = command_line("coldstart.py")
    rows = []
    for task in asked.tasks:
        names = {s: f"{task}-{run_name(asked.model, s, as_ranking(asked))}" for s in asked.seeds}
        runs = [runner.figures(task, s, name, run_settings(task, s, asked)) for s, name in names.items()]
        pairs = pd.concat([pd.read_parquet(work / f"{name}.parquet") for name in names.values()])
        rows += judged_rows(pairs, asked.model, runs, command)
    path = result_file(PROJECT, "coldstart", asked.customers)
    window = {"cutoffs": asked.cutoffs, "customers": asked.customers}
    write(path, command, asked.seeds, with_other_rows(rows, path), **window)
    for task in dict.fromkeys(row["task"] for row in rows):
        of_task = [row for row in rows if row["task"] == task]
        print(f"\n{task}: {of_task[0]['judged']}\n")
        print(table(of_task, HEADLINES.get(task, HEADLINES["new"])))
    print(f"\n{path}")


if __name__ == "__main__":
    main()
