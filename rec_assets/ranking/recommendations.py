"""Stage ``recommendations``: the champion's list for every customer, as of the newest purchase."""

import pandas as pd
import torch

from rec_assets import columns as c
from rec_assets.files import atomic_folder, read_table, write_json, write_table
from rec_assets.params import Params
from rec_assets.pipeline import StageReport
from rec_assets.prompts.questions import questions
from rec_assets.ranking.lists import ranked_table
from rec_assets.ranking.loading import load_ranker
from rec_assets.ranking.sales import sales
from rec_assets.registry import read_champion
from rec_assets.registry.serving import serving_model
from rec_assets.registry.versions import verified
from rec_assets.workspace import Workspace


def run(workspace: Workspace, params: Params) -> StageReport:
    """Rank the catalogue for every customer and keep the first ``recommendations.k``.

    The lists are those of the model in service: a challenger that was not promoted writes none. Before the
    first promotion they are the newest model's.

    Raises
    ------
    RegistryError
        When the champion's files are missing or damaged.
    """
    torch.set_num_threads(params.run.threads)
    champion = read_champion(workspace)
    if champion:
        verified(workspace, champion.version)
    model = serving_model(workspace)
    ranker = load_ranker(*model, params.ranking, sales(workspace, tested=True))
    prompts = questions(workspace, model[0], "latest")
    seen = None if params.recommendations.include_seen else bought(workspace, prompts[c.CUSTOMER])
    tops = ranker.top(prompts, params.recommendations.k, ranker.barred(), seen)
    lists = ranked_table(tops, prompts[c.CUSTOMER], ranker.registry[c.SKU])
    with atomic_folder(workspace.recommendations) as folder:
        write_table(lists, folder / "lists.parquet")
        write_json({"champion": champion.version if champion else None}, folder / "model.json")
    by = f"champion {champion.version}" if champion else "the newest model, for lack of a champion"
    return StageReport(
        summary=f"{params.recommendations.k} articles for each of {len(prompts):,} customers, by {by}.",
        rows={"customers": len(prompts), "recommendations": len(lists)},
        metrics={"distinct_articles": float(lists[c.SKU].nunique())},
        tables={"first list": lists.head(params.recommendations.k)},
    )


def bought(workspace: Workspace, customers: pd.Series) -> list[list[str]]:
    """Everything each customer ever bought, in the customers' order."""
    events = read_table(workspace.behaviour / "events.parquet", [c.CUSTOMER, c.SKU])
    events = events[events[c.CUSTOMER].isin(customers)].drop_duplicates()
    by_customer = events.groupby(c.CUSTOMER)[c.SKU].agg(list).to_dict()
    return [by_customer.get(customer, []) for customer in customers]
