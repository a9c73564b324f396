"""The stage ``baselines``: one Parquet of ranked holdout lists per recommender to beat."""

import time

import pandas as pd
from tqdm import tqdm

from rec_assets.baselines.data import read_purchases
from rec_assets.baselines.lists import ListWriter, chunks
from rec_assets.baselines.models import chosen
from rec_assets.baselines.threads import all_threads
from rec_assets.files import atomic_folder, write_json, write_table
from rec_assets.params import Params
from rec_assets.pipeline import StageReport
from rec_assets.workspace import Workspace


def run(workspace: Workspace, params: Params) -> StageReport:
    """Fit every chosen baseline on purchases before ``as_of`` and rank the catalogue for the test customers.

    Writes ``<model>.parquet`` for each, and ``summary.json``: how many places popularity had to fill, and
    why a model was left out. Files of models that are no longer chosen disappear.
    """
    models = chosen(params)
    data = read_purchases(workspace)
    ranked: dict[str, dict[str, float]] = {}
    skipped: dict[str, str] = {}
    seconds: dict[str, float] = {}
    rows: dict[str, int] = {}
    with atomic_folder(workspace.baseline_rankings) as folder, all_threads(params.run.threads):
        bar = tqdm(models.items(), desc="Baselines", unit="model")
        for name, model in bar:
            bar.set_postfix_str(name)
            if reason := model.unsuited(data):
                skipped[name] = reason
                continue
            start = time.perf_counter()
            model.fit(data)
            writer = ListWriter(data, params.ranking.depth)
            with tqdm(total=len(data.test_customers), desc=name, unit="customer", leave=False) as ranking:
                for customers in chunks(data.test_customers, len(data.skus)):
                    writer.add(model, customers)
                    ranking.update(len(customers))
            frame = writer.frame()
            write_table(frame, folder / f"{name}.parquet")
            rows[name] = len(frame)
            ranked[name] = {"filled_share": round(writer.filled / max(1, writer.places), 6)}
            seconds[name] = time.perf_counter() - start
        cold = int((data.starts[data.test_customers + 1] == data.starts[data.test_customers]).sum())
        counts = {"customers": len(data.test_customers), "cold_customers": cold}
        write_json({**counts, "ranked": ranked, "skipped": skipped}, folder / "summary.json")
    return StageReport(
        summary=f"{len(ranked)} baselines ranked {len(data.skus):,} SKUs for "
        f"{counts['customers']:,} test customers, {cold:,} of them without history.",
        rows=rows,
        tables={
            "baselines": pd.DataFrame(
                [
                    {
                        "model": name,
                        "customers": counts["customers"],
                        "filled by popularity": f"{summary['filled_share']:.1%}",
                        "seconds": round(seconds[name], 1),
                    }
                    for name, summary in ranked.items()
                ]
            ),
            "left out": pd.DataFrame(skipped.items(), columns=["model", "reason"]),
        },
    )
