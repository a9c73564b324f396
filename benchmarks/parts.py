"""What each part of a trained recommender brings: its layers, its branches, and all of them together.

``python benchmarks/parts.py [--seeds 1 2 3]`` takes the models that ``benchmarks/ranking.py --dataset beauty
--models couturier`` has trained, whose workspaces lie in ``data/benchmarks/ranking-beauty/``, and ranks the
same test customers from parts of their states and heads alone. Nothing is trained again: the parts learn
apart, each by a softmax of its own, so a part alone is what it would be beside others. Unmasked figures are
of the parts' own scores, ``ranking.demand`` and ``ranking.repeats`` left out. Rows land in
``benchmarks/results/parts-beauty.json``.
"""

import argparse
import os
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from harness.beauty import LeaveOneOut, read_beauty
from harness.memory import peak_mb
from harness.results import PROJECT, commit, summary, table, write
from harness.scores import DEPTH, judge

from rec_assets import columns as c
from rec_assets.files import read_table
from rec_assets.params import Ranking
from rec_assets.ranking.one_pass import OnePassRanker
from rec_assets.workspace import Workspace

Columns = list[int]


def parts(widths: list[int]) -> dict[str, Columns]:
    """Name the parts of a head, and the columns of each.

    Parameters
    ----------
    widths
        Of the layers, then of each branch.

    >>> list(parts([4, 2, 2]))
    ['layers', 'one branch', 'branches', 'layers and one branch', 'all']
    """
    ends = [sum(widths[: i + 1]) for i in range(len(widths))]
    of = [list(range(end - width, end)) for end, width in zip(ends, widths, strict=True)]
    every = [column for columns in of for column in columns]
    found = {"layers": of[0]}
    if len(of) > 1:
        found["one branch"] = of[1]
    if len(of) > 2:
        found |= {"branches": every[widths[0] :], "layers and one branch": of[0] + of[1]}
    return found | {"all": every}


def lists_of(
    ranker: OnePassRanker, prompts: pd.DataFrame, scores: torch.Tensor, bought: list[list[str]]
) -> pd.DataFrame:
    """Cut lists of ``DEPTH`` SKUs from scores ``(B, n)`` of some prompts, what was bought left in and out."""
    skus = ranker.registry[c.SKU].to_numpy(object)
    customers = prompts[c.CUSTOMER].to_numpy(object)
    none = torch.zeros(scores.shape[1], dtype=torch.bool)
    frames = []
    for masked in (False, True):
        for top in ranker.cut(list(range(len(scores))), scores, DEPTH, none, bought if masked else None):
            frames.append(
                pd.DataFrame(
                    {
                        c.CUSTOMER: customers[top.place],
                        c.SKU: skus[top.skus],
                        c.RANK: range(1, len(top.skus) + 1),
                        c.MASKED: masked,
                    }
                )
            )
    return pd.concat(frames)


def measure(home: Path, data: LeaveOneOut, seed: int, batch: int = 512) -> dict[str, dict[str, Any]]:
    """Judge every part of one trained model."""
    workspace = Workspace(home)
    ranker = OnePassRanker.load(workspace.recommender, workspace.base_model, workspace.vocabulary, Ranking())
    prompts = read_table(workspace.prompts / "test.parquet")
    purchases = data.purchases
    owners, skus = purchases.customers[purchases.customer], purchases.skus[purchases.sku]
    seen = pd.Series(skus).groupby(owners).agg(list)
    bought = seen.reindex(prompts[c.CUSTOMER]).tolist()
    start = time.perf_counter()
    head = ranker.head
    states = torch.empty(len(prompts), len(head))
    for places, found in ranker.states(prompts):
        states[places] = found.cpu()
    passes = time.perf_counter() - start
    runs = {}
    for name, columns in parts([items.projection.shape[0] for items in ranker.model.tables]).items():
        start = time.perf_counter()
        frames = []
        for first in range(0, len(prompts), batch):
            some = slice(first, first + batch)
            scores = states[some][:, columns].to(head.device) @ head[columns]
            frames.append(lists_of(ranker, prompts.iloc[some], scores, bought[some]))
        runs[name] = {
            "metrics": judge(pd.concat(frames, ignore_index=True), data),
            "seconds": passes + time.perf_counter() - start,
            "peak_mb": peak_mb(),
            "parameters": len(columns) * head.shape[1],
            "seed": seed,
            "commit": commit(),
            "command": "python benchmarks/parts.py",
            "notes": {},
        }
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], metavar="SEED")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    work = PROJECT / "data" / "benchmarks" / "ranking-beauty"
    homes = {seed: work / f"workspace-couturier-{seed}" for seed in asked.seeds}
    if missing := [home for home in homes.values() if not Workspace(home).recommender.exists()]:
        parser.error(f"no trained model in {missing[0]}: first run ranking.py --models couturier")
    data = read_beauty()
    measured = [measure(home, data, seed) for seed, home in homes.items()]
    rows = [summary(part, [runs[part] for runs in measured], deterministic=False) for part in measured[0]]
    path = PROJECT / "benchmarks" / "results" / "parts-beauty.json"
    write(path, "python benchmarks/parts.py", asked.seeds, rows)
    print(table(rows))
    print(f"\n{path}")


if __name__ == "__main__":
    main()
