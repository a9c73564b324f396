"""H&M by time: at each of several cut-off dates the product and its baselines rank all articles."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from harness.beauty import shared_data
from harness.judged import CUTOFFS, judge_workspace
from harness.parameters import parameters
from harness.pooled import SEED
from harness.stages import Record, cost_of, make_workspace, run_until, share_data
from rec_assets.workspace import Workspace

BASELINES = "baselines"  # all of the product's own, in one run
CHANGES: dict[str, Any] = {"source.kind": "hm", "splits.strategy": "time", "ranking.depth": max(CUTOFFS)}


def hm_source(work: Path, customers: int | None = None, group: str | None = None) -> Path:
    """Give the folder of H&M's files, or one with a part of them.

    Parameters
    ----------
    work
        Where a part is written.
    customers
        Only the first customers by id, for a smoke run; the catalogue stays whole.
    group
        Only the articles of one ``index_group_name``, the purchases of them and who made these.
    """
    folder = shared_data() / "hm"
    if customers is None and group is None:
        return folder
    part = work / (f"source-{plain(group)}" if group else "source")
    part.mkdir(parents=True, exist_ok=True)
    transactions = pd.read_parquet(folder / "transactions.parquet")
    buyers = pd.read_parquet(folder / "customers.parquet")
    articles = pd.read_parquet(folder / "articles.parquet")
    if customers is not None:
        buyers = buyers.sort_values("customer_id").head(customers)
    if group is not None:
        articles = articles[articles["index_group_name"] == group]
    transactions = transactions[
        transactions["customer_id"].isin(buyers["customer_id"])
        & transactions["article_id"].isin(articles["article_id"])
    ]
    if group is not None:
        buyers = buyers[buyers["customer_id"].isin(transactions["customer_id"])]
    for name, frame in (("transactions", transactions), ("customers", buyers), ("articles", articles)):
        frame.to_parquet(part / f"{name}.parquet", index=False)
    return part


def plain(group: str) -> str:
    """Give a group's name as a file's.

    >>> plain("Baby/Children")
    'Baby-Children'
    """
    return group.replace("/", "-")


def workspaces(
    run: str, cutoffs: Sequence[str], changes: Mapping[str, Any], work: Path
) -> Iterator[tuple[str, Workspace]]:
    """Make a run's workspaces, one a date, around tables that are read and validated once for all runs."""
    about_data = {key: value for key, value in changes.items() if key.startswith(("source.", "validation."))}
    folder = "-".join(["data", *Path(changes["source.path"]).name.split("-")[1:]])
    data = make_workspace(work / folder, parameters({**CHANGES, **about_data}))
    run_until(data, "validated_data")
    for as_of in cutoffs:
        params = parameters({**CHANGES, **changes, "splits.as_of": as_of})
        here = make_workspace(work / f"workspace-{run}-{as_of}", params)
        share_data(data, here)
        yield as_of, here


def run_hm(
    model: str, run: str, seed: int, cutoffs: Sequence[str], changes: Mapping[str, Any], work: Path
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Train and rank at every date.

    Parameters
    ----------
    model
        Its name in the table; :data:`BASELINES` stands for all that ``baselines.models`` names.
    run
        Name of the run's files.
    seed
        Its random seed, also in ``changes``.
    cutoffs
        First days of the test windows.
    changes
        Of the parameters; ``source.path`` among them.
    work
        Folder of runs.

    Returns
    -------
    pairs, figures
        Judged customers by date; and cost: seconds summed over the dates, by model for the baselines.
    """
    frames: list[pd.DataFrame] = []
    done: dict[str, dict[str, Record]] = {}
    for as_of, here in workspaces(run, cutoffs, changes, work):
        if model == BASELINES:
            done[as_of] = run_until(here, "baselines")
            files = {path.stem: path for path in sorted(here.baseline_rankings.glob("*.parquet"))}
        else:
            done[as_of] = run_until(here, "holdout_rankings")
            files = {model: here.holdout_rankings / "couturier.parquet"}
        frames.append(judge_workspace(here, files))
    pairs = pd.concat(frames, ignore_index=True).assign(**{SEED: seed})
    return pairs, _costs(done) | (_baseline_notes(done) if model == BASELINES else _training_notes(done))


def _costs(done: Mapping[str, dict[str, Record]]) -> dict[str, Any]:
    costs = [cost_of(stages) for stages in done.values()]
    return {
        "seconds": sum(cost["seconds"] for cost in costs),
        "peak_mb": max(cost["peak_mb"] for cost in costs),
        "parameters": None,
        "commits": sorted(set().union(*(cost["commits"] for cost in costs))),
        "notes": {},
    }


def _training_notes(done: Mapping[str, dict[str, Record]]) -> dict[str, Any]:
    trained = {as_of: stages["recommender"]["metrics"] for as_of, stages in done.items()}
    return {
        "parameters": int(max(metrics["parameters"] for metrics in trained.values())),
        "notes": {
            "trained_parameters": int(max(metrics["trained_parameters"] for metrics in trained.values())),
            "epochs": {as_of: int(metrics["epochs"]) for as_of, metrics in trained.items()},
            "validation_ndcg@10": {
                as_of: metrics["validation_ndcg@10"] for as_of, metrics in trained.items()
            },
        },
    }


def _baseline_notes(done: Mapping[str, dict[str, Record]]) -> dict[str, Any]:
    by_date = [stages["baselines"]["by_model"] for stages in done.values()]
    models = sorted(set().union(*by_date))
    return {"seconds_by_model": {name: sum(times.get(name, 0.0) for times in by_date) for name in models}}
