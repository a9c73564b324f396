"""What training rows should predict: mixtures of targets, trained and judged by the product's own stages.

``python benchmarks/targets.py [--dataset synthetic|hm] [--mixtures next_item plus_similar_items …]
[--seeds 1 2 3] [--profile profiles/small.yaml]`` writes ``benchmarks/results/targets.json``: precision,
recall, NDCG and revenue at 10 as the stage ``evaluation`` counts them, unmasked and with articles bought
before masked, and each mixture's gain over ``next_item`` on the same customers with paired intervals
(customers resampled, seeds averaged). ``plus_KIND`` adds a quarter of all rows with answers of that kind;
``plus_next_item`` repeats a quarter instead, so that more steps are not taken for better targets.

Runs stay in ``data/benchmarks/``: one that was killed goes on, and one that was finished with the same
parameters is taken as it is, unless ``--fresh``. Those of the synthetic retailer are kept in
``benchmarks/results/runs/`` and taken from there on any machine, so mixtures can be run a few at a time:
name those that were run before again, to have them in the table. With a profile or ``--set`` the rows are
written to ``data/benchmarks/`` too.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from harness.names import CUTOFFS
from harness.parameters import dotted, parameters, recipe
from harness.results import PROJECT, command_line, commit, write
from harness.runs import Runs, kept_runs

MIXTURES: dict[str, dict[str, float]] = {
    "next_item": {},
    "plus_next_item": {"next_item": 1.25},
    "half_next_basket": {"next_item": 0.5, "next_basket": 0.5},
    "plus_next_basket": {"next_basket": 0.25},
    "plus_similar_items": {"similar_items": 0.25},
    "plus_similar_customers": {"similar_customers": 0.25},
    "plus_interest_cluster": {"interest_cluster": 0.25},
    "plus_all": dict.fromkeys(("next_basket", "similar_items", "similar_customers", "interest_cluster"), 0.1),
}
METRICS = tuple(f"{name}@10" for name in ("precision", "recall", "ndcg", "revenue"))
# Sections of params.yaml that shape nothing on the way to these figures.
UNREAD = ("heads", "recommendations", "trends", "promotion", "tracking", "schedule")


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", choices=["synthetic", "hm"], default="synthetic")
    parser.add_argument("--mixtures", nargs="+", choices=MIXTURES, default=list(MIXTURES), metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], metavar="SEED")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--profile", type=Path, help="YAML of parameters, merged over params.yaml")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="training.epochs=3, …"
    )
    parser.add_argument("--fresh", action="store_true", help="run again what was run before")
    parser.add_argument("--one", choices=MIXTURES, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def work_folder(asked: argparse.Namespace) -> Path:
    """Give the folder of runs; those with other parameters have one of their own."""
    names = [asked.profile.stem] if asked.profile else []
    names += ["set"] if asked.set else []
    return PROJECT / "data" / "benchmarks" / "-".join(["targets", asked.dataset, *names])


def changes(mixture: str, seed: int, asked: argparse.Namespace) -> dict[str, Any]:
    """Give what a run changes in the parameters."""
    changed: dict[str, Any] = {"source.kind": asked.dataset, "baselines.models": ["popular"]}
    if asked.dataset == "hm":
        from harness.beauty import shared_data

        changed |= {"source.path": str(shared_data() / "hm"), "splits.as_of": CUTOFFS[-1]}
    changed |= recipe("couturier", asked.profile, asked.set)
    changed |= dotted({"prompts": {"targets": MIXTURES[mixture]}})
    return {**changed, "run.seed": seed, "run.threads": asked.threads}


def settings(mixture: str, seed: int, asked: argparse.Namespace) -> dict[str, Any]:
    """Tell what makes two runs equal: every parameter that shapes them."""
    content = parameters(changes(mixture, seed, asked)).model_dump(mode="json")
    return {name: value for name, value in content.items() if name not in UNREAD}


def measure(asked: argparse.Namespace) -> None:
    """Run one mixture with one seed, here; write its judged customers and figures."""
    import pandas as pd
    from harness.stages import make_workspace, run_until

    work, mixture, seed = work_folder(asked), asked.one, asked.seeds[0]
    # One workspace a seed: what does not read the prompts is done once for all mixtures.
    here = make_workspace(work / f"workspace-{seed}", parameters(changes(mixture, seed, asked)))
    if asked.fresh:
        (here.root / "stages.json").unlink(missing_ok=True)
    done = run_until(here, "evaluation")
    judged = pd.read_parquet(here.reports / "evaluation" / "per_customer.parquet")
    judged = judged[judged["model"] == "couturier"].set_index("customer_id")
    masked = judged["masked"].to_numpy(bool)
    scores = judged.loc[~masked, list(METRICS)].join(judged.loc[masked, list(METRICS)], rsuffix="/masked")
    scores.assign(model=mixture, seed=seed).reset_index().to_parquet(work / f"{mixture}-{seed}.parquet")
    trained = done["recommender"]
    figures = {
        "seed": seed,
        "settings": settings(mixture, seed, asked),
        "commit": commit(),
        "seconds": trained["seconds"],
        "peak_mb": trained["peak_mb"],
        "parameters": int(trained["metrics"]["parameters"]),
        "notes": {**done["prompts"]["metrics"], "epochs": trained["metrics"]["epochs"]},
    }
    (work / f"{mixture}-{seed}.json").write_text(json.dumps(figures, indent=2) + "\n")


def row(mixture: str, pooled: dict[str, Any], runs: list[dict[str, Any]], command: str) -> dict[str, Any]:
    """Sum up a mixture: seconds are the training's, a mean over seeds."""
    return {
        "model": mixture,
        "targets": {"next_item": 1.0, **MIXTURES[mixture]},
        **pooled,
        "seconds": round(sum(run["seconds"] for run in runs) / len(runs), 1),
        "peak_mb": max(run["peak_mb"] for run in runs),
        "parameters": runs[0]["parameters"],
        "seeds": [run["seed"] for run in runs],
        "command": command,
        "commit": ", ".join(sorted({run["commit"] for run in runs})),
        "notes": [run["notes"] for run in runs],
    }


def table(rows: list[dict[str, Any]], gain: str) -> str:
    """Render rows as a Markdown table; in brackets the gain over next_item, starred where it is sure."""
    names = [name for name in rows[0]["metrics"] if "/" not in name]
    lines = [["targets", *names, "s"], ["---"] * (len(names) + 2)]
    for each in rows:
        cells = [each["model"]]
        for name in names:
            lead = each[gain].get(name, {}).get("difference")
            sure = "*" if lead and (lead["low"] > 0 or lead["high"] < 0) else ""
            told = f" ({lead['mean']:+.4f}{sure})" if lead else ""
            cells.append(f"{each['metrics'][name]['mean']:.4f}{told}")
        lines.append([*cells, f"{each['seconds']:,.0f}"])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    arguments = sys.argv[1:]
    asked = options(arguments)
    if asked.one:
        measure(asked)
        return
    import pandas as pd
    from harness.pooled import GAIN, pool

    work = work_folder(asked)
    own = bool(asked.profile or asked.set)
    # Judged customers are kept too, of the synthetic retailer alone: no row of research data is.
    kept = None if own or asked.dataset != "synthetic" else kept_runs(PROJECT, work.name, customers=None)
    runner = Runs(work, __file__, arguments, asked.threads, asked.fresh, kept, ".parquet")
    command = command_line("targets.py")
    # Seed by seed, so that a comparison stands early on.
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in asked.mixtures}
    for seed in asked.seeds:
        for name in asked.mixtures:
            figures = runner.figures(name, seed, f"{name}-{seed}", settings(name, seed, asked))
            runs[name].append(figures)
    frames = [pd.read_parquet(work / f"{name}-{seed}.parquet") for name in runs for seed in asked.seeds]
    pooled = pool(pd.concat(frames, ignore_index=True).assign(as_of=""), rules=("next_item",))
    rows = [row(name, pooled[name], runs[name], command) for name in asked.mixtures]
    path = (work if own else PROJECT / "benchmarks" / "results") / "targets.json"
    others = []
    if path.exists():
        others = [old for old in json.loads(path.read_text())["rows"] if old["dataset"] != asked.dataset]
    rows = [{"dataset": asked.dataset, **each} for each in rows]
    write(path, command, asked.seeds, [*others, *rows])
    print(table(rows, GAIN))
    print(f"\n{path}")


if __name__ == "__main__":
    main()
