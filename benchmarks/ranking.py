"""How well models rank the whole catalogue, on the same files, the same split and the same machine.

``python benchmarks/ranking.py --dataset beauty [--models popular ease couturier …] [--seeds 1 2 3]`` leaves
one out on Amazon Beauty: the last purchase is the test, the one before the validation, the rest trains;
histories include the validation purchase when ranking. Figures are over all customers, seen SKUs masked and
not.

``python benchmarks/ranking.py --dataset hm [--models baselines couturier] [--cutoffs 2020-05-27 …]`` goes by
time on H&M: at each cut-off date models learn from what was bought before it and are judged on the baskets of
the 28 days after it, all 105,542 articles being candidates. The product runs through its own stages, and so
do its baselines, the rule that repeats a customer's purchases among them. Pairs of a customer and a date are
pooled; intervals resample customers, not pairs. Each row tells its gain over the best baseline, for

- ``unmasked``: everything bought, repeats too; ``masked``: lists and baskets without what was bought before;
- ``with_history``: only customers who had bought before;
- ``untrained``, ``never_bought``: only articles without a purchase in training, or before the date at all.

Rows land in ``benchmarks/results/ranking-DATASET.json``. Models can be run one at a time: Beauty's rows are
merged with those of the file, H&M's made anew from every finished run: gains need all of them.
``couturier`` is the product with ``params.yaml`` as it stands, ``couturier_scratch`` with
``profiles/scratch.yaml``. An ablation is a row of its own:
``--name no_gates --set training.gate=null``, or ``--name NAME --profile FILE``.

Each model runs in a process of its own, so that its peak memory is its own. Beauty's finished figures are
kept in ``benchmarks/results/runs/``, a file a seed, and taken from there on any machine. Ranked lists and
checkpoints stay in ``data/benchmarks/``, the product's in ``workspace-…`` below it: a run that was killed
goes on, and one that was finished with the same options is taken as it is, unless ``--fresh``. A smoke run
(``--customers``) writes its rows there too. RecTools' models run in ``.venv-peers``, which the first of them
makes.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from harness.asked import changes, options, run_name, settings
from harness.names import RULES
from harness.results import PROJECT, command_line, commit, merge, summary, table, write
from harness.runs import Runs, kept_runs, result_file, work_folder

HEADLINES = ("ndcg@10/unmasked", "recall@10/unmasked", "ndcg@10/never_bought", "recall@10/never_bought")


def measure_beauty(asked: argparse.Namespace, work: Path, name: str) -> dict[str, Any]:
    from harness.beauty import read_beauty
    from harness.couturier import CHANGES, beauty_source
    from harness.models import Options, run
    from harness.parameters import parameters
    from harness.scores import judge

    seed = asked.seeds[0]
    data = read_beauty(asked.customers)
    params = None
    if (changed := changes(asked.one, seed, asked)) is not None:
        source = {"source.path": str(beauty_source(asked.customers, work))}
        params = parameters({**CHANGES, **source, **changed})
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
            params=params,
        ),
    )
    done.lists.to_parquet(work / f"{name}.parquet", index=False)
    return {
        "metrics": judge(done.lists, data),
        "seconds": done.seconds,
        "peak_mb": done.peak_mb,
        "parameters": done.parameters,
        "notes": done.notes,
    }


def measure_hm(asked: argparse.Namespace, work: Path, name: str) -> dict[str, Any]:
    from harness.hm import hm_source, run_hm

    seed = asked.seeds[0]
    source = {"source.path": str(hm_source(work, asked.customers))}
    changed = {**source, **(changes(asked.one, seed, asked) or {})}
    pairs, figures = run_hm(asked.one, name, seed, asked.cutoffs, changed, work)
    pairs.to_parquet(work / f"{name}.parquet", index=False)
    return figures


def measure(asked: argparse.Namespace, work: Path) -> None:
    """Run one model with one seed, here; write its lists and figures."""
    seed = asked.seeds[0]
    name = run_name(asked.one, seed, asked)
    figures = {"model": asked.one, "name": name, "seed": seed, "settings": settings(asked.one, seed, asked)}
    figures |= {
        "commit": commit(),
        **(measure_hm if asked.dataset == "hm" else measure_beauty)(asked, work, name),
    }
    (work / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n")


def main() -> None:
    arguments = sys.argv[1:]
    asked = options(__doc__, arguments)
    benchmark = f"ranking-{asked.dataset}"
    work = work_folder(PROJECT, benchmark, asked.customers)
    if asked.one:
        measure(asked, work)
        return
    path = result_file(PROJECT, benchmark, asked.customers)
    if asked.dataset == "hm" and asked.baselines:
        path = work / path.name  # gains over a few of the baselines are not gains over the best
    command = command_line("ranking.py")
    # H&M's rows pool customers of every cut-off: their figures alone would not do.
    kept = kept_runs(PROJECT, benchmark, asked.customers) if asked.dataset == "beauty" else None
    runner = Runs(work, __file__, arguments, asked.threads, asked.fresh, kept)

    def runs_of(model: str) -> list[dict[str, Any]]:
        once = model in (*RULES, "baselines")
        return [
            {
                **runner.figures(model, seed, run_name(model, seed, asked), settings(model, seed, asked)),
                "command": command,
            }
            for seed in (asked.seeds[:1] if once else asked.seeds)
        ]

    if asked.dataset == "beauty":
        result: dict[str, Any] = {"rows": []}
        for model in asked.models:
            row = summary(model, runs_of(model), deterministic=model in RULES)
            result = merge(path, row, command, asked.seeds)
        print(table(result["rows"]))
    else:
        from harness import hm_results

        window = {"customers": asked.customers, "cutoffs": asked.cutoffs}
        runs = [figures for model in asked.models for figures in runs_of(model)]
        runs = hm_results.finished(work, window, runs, command, lambda *run: settings(*run, asked))
        pairs = hm_results.read_pairs(work, runs)
        rows = hm_results.rows(pairs, runs)
        write(path, command, asked.seeds, rows, **window, judged=hm_results.judged_on(pairs))
        print(hm_results.table(rows, HEADLINES))
    print(f"\n{path}")


if __name__ == "__main__":
    main()
