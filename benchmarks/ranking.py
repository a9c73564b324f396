"""How well models rank the catalogue: leave one out on Amazon Beauty, every SKU a candidate.

``python benchmarks/ranking.py --dataset beauty [--models popular ease …] [--seeds 1 2 3]`` trains and judges
the models and merges their rows into ``benchmarks/results/ranking-beauty.json``, so that they can be run one
at a time. The last purchase is the test, the one before the validation, the rest trains; histories include
the validation purchase when ranking. Figures are over all customers, seen SKUs masked and not.

Each model runs in a process of its own, so that its peak memory is its own. Runs, ranked lists and
checkpoints stay in ``data/benchmarks/``: a run that was killed goes on, and one that was finished with the
same options is taken as it is, unless ``--fresh``. A smoke run (``--customers``) writes its rows there too.
RecTools' models run in ``.venv-peers``, which the first of them makes.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from harness.names import ALL, RULES
from harness.results import PROJECT, commit, merge, summary, table


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", choices=["beauty"], default="beauty")
    parser.add_argument("--models", nargs="+", choices=ALL, default=list(ALL), metavar="MODEL")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], metavar="SEED")
    parser.add_argument("--customers", type=int, help="smoke run: only the first N customers")
    parser.add_argument("--epochs", type=int, help="at most; without it each model's own recipe")
    parser.add_argument("--patience", type=int, help="epochs without a better validation NDCG@10")
    parser.add_argument("--learning-rate", type=float, help="of bsarec")
    parser.add_argument("--attention-dropout", type=float, help="of bsarec")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--fresh", action="store_true", help="run again what was run before")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser.parse_args()


def work_folder(asked: argparse.Namespace) -> Path:
    """Give the folder of runs; a smoke run has one of its own."""
    smoke = f"-smoke-{asked.customers}" if asked.customers else ""
    return PROJECT / "data" / "benchmarks" / f"ranking-{asked.dataset}{smoke}"


def result_file(asked: argparse.Namespace) -> Path:
    """Give the file of rows: beside the runs for a smoke run, whose figures mean nothing."""
    folder = work_folder(asked) if asked.customers else PROJECT / "benchmarks" / "results"
    return folder / f"ranking-{asked.dataset}.json"


def settings(asked: argparse.Namespace) -> dict[str, Any]:
    """Tell what makes two runs of a model equal."""
    named = ("customers", "epochs", "patience", "learning_rate", "attention_dropout", "threads")
    return {name: getattr(asked, name) for name in named}


def run_name(model: str, seed: int, asked: argparse.Namespace) -> str:
    """Name a run's files; one that changes a recipe must not take the place of one that does not."""
    changed = ("epochs", "patience", "learning_rate", "attention_dropout")
    changes = [f"{name}={getattr(asked, name)}" for name in changed if getattr(asked, name) is not None]
    return "-".join([model, str(seed), *changes])


def measure(asked: argparse.Namespace) -> None:
    """Run one model with one seed, here; write its lists and figures."""
    from harness.beauty import read_beauty
    from harness.models import Options, run
    from harness.scores import judge

    work, seed = work_folder(asked), asked.seeds[0]
    name = run_name(asked.one, seed, asked)
    data = read_beauty(asked.customers)
    done = run(
        asked.one,
        data,
        Options(
            seed=seed,
            threads=asked.threads,
            files=work / name,
            epochs=asked.epochs,
            patience=asked.patience,
            learning_rate=asked.learning_rate,
            attention_dropout=asked.attention_dropout,
        ),
    )
    done.lists.to_parquet(work / f"{name}.parquet", index=False)
    figures = {
        "seed": seed,
        "settings": settings(asked),
        "commit": commit(),
        "metrics": judge(done.lists, data),
        "seconds": done.seconds,
        "peak_mb": done.peak_mb,
        "parameters": done.parameters,
        "notes": done.notes,
    }
    (work / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n")


def figures_of(model: str, seed: int, asked: argparse.Namespace, arguments: list[str]) -> dict[str, Any]:
    """Take a finished run of the same settings, or run the model in a process of its own."""
    name = run_name(model, seed, asked)
    path = work_folder(asked) / f"{name}.json"
    if path.exists() and not asked.fresh:
        figures = json.loads(path.read_text())
        if figures["settings"] == settings(asked):
            print(f"{model}, seed {seed}: taken from {path}", file=sys.stderr)
            return figures
    path.parent.mkdir(parents=True, exist_ok=True)
    if asked.fresh:
        (path.parent / f"{name}.safetensors").unlink(missing_ok=True)
    print(f"{model}, seed {seed} …", file=sys.stderr)
    threads = {"OMP_NUM_THREADS": str(asked.threads), "MKL_NUM_THREADS": str(asked.threads)}
    command = [sys.executable, __file__, *arguments, "--one", model, "--seeds", str(seed)]
    subprocess.run(command, check=True, env={**os.environ, **threads})
    return json.loads(path.read_text())


def main() -> None:
    asked = options()
    if asked.one:
        measure(asked)
        return
    arguments = sys.argv[1:]
    command = " ".join(["python", "benchmarks/ranking.py", *arguments])
    result: dict[str, Any] = {"rows": []}
    for model in asked.models:
        deterministic = model in RULES
        seeds = asked.seeds[:1] if deterministic else asked.seeds
        runs = [{**figures_of(model, seed, asked, arguments), "command": command} for seed in seeds]
        result = merge(result_file(asked), summary(model, runs, deterministic), command, asked.seeds)
    print(table(result["rows"]))
    print(f"\n{result_file(asked)}")


if __name__ == "__main__":
    main()
