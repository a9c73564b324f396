"""How well and how fast texts are classified: decoder-trimmed heads beside what one would use instead.

``python benchmarks/heads.py --dataset sst2 --base smollm2 --method trimmed_finetune --shots 16 --seeds 1 2``
trains on so many examples a class (``all``: every one, of SST-2 the phrases, too), scores the test rows once
and merges the row into ``benchmarks/results/heads.json``.

With ``--select`` the candidates of ``classification/recipes.yaml`` are first judged on a part of train that
no shot is drawn from, and the best is kept in ``classification/chosen.json``; without it, what was chosen
before is taken, else the first candidate. Prompts and label words are ranked before that by what they answer
untrained: the best ``--screened`` meet the settings, and the ranking stands beside the choice. Where a
recipe learns from all examples, candidates may learn from a ``--selection-share`` of them. ``--config``
changes the recipe by hand; its row stands in the results under a ``--name`` of its own, one recipe a name.

``--speed`` measures the product's classifier, the untrimmed model and ``AutoModelForSequenceClassification``
of the same base in one run, in the same number format and batches.

Each run is a process of its own, so that its peak memory is its own. Runs, checkpoints and hidden states stay
in ``data/benchmarks/heads/``: what was killed goes on, what was finished with the same recipe is taken as it
is, unless ``--fresh``. A smoke run (``--test-rows`` or ``--layers``) has a folder of its own.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from classification.methods import BASES, FROZEN, METHODS, WITHOUT_SHOTS, bases_of, deterministic
from classification.naming import misnamed, taken
from classification.recipes import FOLDER, chosen
from classification.runs import Cell, final, with_reading
from classification.table import merge, render, row
from harness.results import PROJECT, command_line, machine

_SCREENED = "with --select: prompts with label words, best before training, that meet the settings"
_SHARE = "with --select and all examples: candidates learn from a share of them, 0.1 for instance"


def shots(word: str) -> int | None:
    return None if word == "all" else int(word)


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", nargs="+", choices=["sst2", "ag_news", "fashion"], default=["sst2"])
    parser.add_argument("--base", choices=BASES, default="smollm2")
    parser.add_argument("--method", nargs="+", choices=METHODS, default=["tfidf_lr"], metavar="METHOD")
    parser.add_argument("--shots", nargs="+", type=shots, default=[16], help="16, 64, 256, all", metavar="N")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5], metavar="SEED")
    parser.add_argument("--select", action="store_true", help="choose the recipe on a part of train first")
    parser.add_argument("--screened", type=int, default=2, metavar="N", help=_SCREENED)
    parser.add_argument("--screening-rows", type=int, default=500, help="with --select: rank them on N rows")
    parser.add_argument("--alike", metavar="N", help="with --select: with the prompt and words of N shots")
    parser.add_argument("--candidates", type=int, help="with --select: only the first N candidates")
    parser.add_argument("--selection-rows", type=int, help="with --select: judge on N rows of train")
    parser.add_argument("--selection-share", type=float, help=_SHARE, metavar="SHARE")
    parser.add_argument("--config", type=json.loads, help="JSON: takes the place of the recipe's entries")
    parser.add_argument("--name", help="with --config: the model of its row; smoke runs need none")
    parser.add_argument("--speed", action="store_true", help="latency, throughput, memory and training rate")
    parser.add_argument("--layers", type=int, help="smoke run: only the base's first layers")
    parser.add_argument("--test-rows", type=int, help="smoke run: only N test and selection rows")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--fresh", action="store_true", help="run again what was run before")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if wrong := misnamed(asked, smoke(asked)):
        parser.error(wrong)
    return asked


def smoke(asked: argparse.Namespace) -> bool:
    return asked.layers is not None or asked.test_rows is not None


def work_folder(asked: argparse.Namespace) -> Path:
    """Give the folder of runs; smoke runs have one of their own."""
    return PROJECT / "data" / "benchmarks" / ("heads-smoke" if smoke(asked) else "heads")


def result_file(asked: argparse.Namespace) -> Path:
    """Give the file of rows: beside the runs for a smoke run, whose figures mean nothing."""
    return (work_folder(asked) if smoke(asked) else PROJECT / "benchmarks" / "results") / "heads.json"


def chosen_file(asked: argparse.Namespace) -> Path:
    return (work_folder(asked) if smoke(asked) else FOLDER) / "chosen.json"


def in_own_process(asked: argparse.Namespace, job: dict[str, Any]) -> None:
    threads = {"OMP_NUM_THREADS": str(asked.threads), "MKL_NUM_THREADS": str(asked.threads)}
    command = [sys.executable, __file__, "--one", json.dumps(job)]
    subprocess.run(command, check=True, env={**os.environ, **threads})


def one(job: dict[str, Any]) -> None:
    """Do one job, here: ``select`` a recipe, a ``final`` run, or a ``speed`` variant."""
    files = Path(job["files"])
    if job["kind"] == "speed":
        from classification.speed import measure

        result = measure(job["base"], job["layers"], job["variant"], files)
    else:
        from classification.tasks import read_task

        cell = Cell(**job["cell"])
        task = read_task(cell.dataset, cell.test_rows, whole=cell.shots is None)
        if job["kind"] == "select":
            from classification.selection import Rules, select

            result = select(cell, task, Rules(**job["rules"]), files, Path(job["chosen"]))
        else:
            result = final(cell, task, job["config"], job["seed"], files, job["recipe"])
            result["command"] = job["command"]
    path = Path(job["path"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")


def figures_of(asked: argparse.Namespace, cell: Cell, command: str) -> list[dict[str, Any]]:
    """Run a cell with every seed, or take what was run with the same recipe."""
    files, folder = str(work_folder(asked)), work_folder(asked) / "runs"
    common: dict[str, Any] = {"cell": cell.__dict__, "files": files}
    if asked.select:
        rules = {
            "rows": asked.selection_rows,
            "screened": asked.screened,
            "screening_rows": asked.screening_rows,
            "most": asked.candidates,
            "alike": asked.alike,
            "share": asked.selection_share,
        }
        path = folder / f"select-{cell.name({}, 0)}.json"
        own = {"rules": rules, "chosen": str(chosen_file(asked)), "path": str(path)}
        in_own_process(asked, common | own | {"kind": "select"})
    config, recipe = chosen(cell.method, cell.dataset, cell.base, cell.shots, chosen_file(asked))
    if asked.config:
        config, recipe = config | asked.config, "command line"
    if taken(result_file(asked), cell, config):
        raise SystemExit(f"{cell.model} names another recipe in {result_file(asked)}: give a new --name.")
    seeds = asked.seeds[:1] if deterministic(cell.method, config) else asked.seeds
    runs = []
    for seed in seeds:
        path = folder / f"{cell.name(config, seed)}.json"
        if not path.exists() or asked.fresh:
            print(
                f"{cell.dataset}, {cell.model}, {cell.shots or 'all'} shots, seed {seed} …", file=sys.stderr
            )
            own = {"config": config, "recipe": recipe, "seed": seed, "path": str(path), "command": command}
            in_own_process(asked, common | own | {"kind": "final"})
        run = {"command": command} | json.loads(path.read_text())  # a finished one keeps its own
        runs.append(with_reading(run) if cell.method in FROZEN else run)
    return runs


def measure_speed(asked: argparse.Namespace, command: str) -> dict[str, Any]:
    """Measure every variant of one base, one after the other."""
    from classification.variants import VARIANTS

    files, rows = work_folder(asked), []
    for variant in VARIANTS:
        path = files / "speed" / f"{asked.base}-{asked.layers or 'all'}-{variant}.json"
        job = {"kind": "speed", "base": asked.base, "layers": asked.layers, "variant": variant}
        in_own_process(asked, job | {"files": str(files), "path": str(path)})
        where = {"threads": asked.threads, "machine": machine(), "command": command}
        rows.append(json.loads(path.read_text()) | where)
    return merge(result_file(asked), "speed", rows, command, asked.seeds)


def main() -> None:
    asked = options()
    if asked.one:
        one(json.loads(asked.one))
        return
    command = command_line("heads.py")
    if asked.speed:
        print(json.dumps(measure_speed(asked, command)["speed"], indent=2))
        return
    result: dict[str, Any] = {"rows": []}
    for dataset in asked.dataset:
        for method in asked.method:
            base = bases_of(method, asked.base)
            for count in asked.shots if method not in WITHOUT_SHOTS else asked.shots[:1]:
                cell = Cell(method, dataset, base, count, asked.layers, asked.test_rows, asked.name)
                runs = figures_of(asked, cell, command)
                told = {"model": cell.model, "dataset": dataset, "shots": "all" if count is None else count}
                told |= {"method": method, "base": base}
                new = row(told, runs, deterministic(method, runs[0]["config"]))
                result = merge(result_file(asked), "rows", [new], command, asked.seeds)
    print(render(result["rows"]))
    print(f"\n{result_file(asked)}")


if __name__ == "__main__":
    main()
