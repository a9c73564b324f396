"""Stage ``holdout_rankings``: the recommender's lists for the test customers."""

from pathlib import Path

import pandas as pd
import torch

from rec_assets import columns as c
from rec_assets.files import atomic_folder, read_table, write_table
from rec_assets.generation.id_folder import scheme_of
from rec_assets.params import Params
from rec_assets.pipeline import StageReport
from rec_assets.prompts.questions import questions
from rec_assets.ranking.lists import ranked_table
from rec_assets.ranking.loading import load_ranker
from rec_assets.ranking.sales import sales
from rec_assets.workspace import Workspace


def run(workspace: Workspace, params: Params) -> StageReport:
    """Rank the catalogue for every customer of the test window, seen articles kept and masked."""
    torch.set_num_threads(params.run.threads)
    lists = rank_holdout(workspace, params, workspace.recommender, workspace.vocabulary, workspace.base_model)
    with atomic_folder(workspace.holdout_rankings) as folder:
        write_table(lists, folder / "couturier.parquet")
    customers = lists[c.CUSTOMER].nunique()
    depth, beams = params.ranking.depth, params.ranking.beams
    one_pass = scheme_of(workspace.vocabulary) == "sku"
    how = "one forward pass each" if one_pass else f"{beams} beams each"
    return StageReport(
        summary=f"Lists of {depth if one_pass else min(depth, beams)} for {customers:,} customers, {how}.",
        rows={"customers": customers, "ranked rows": len(lists)},
        tables={"first list": lists[~lists[c.MASKED]].head(5)},
    )


def rank_holdout(
    workspace: Workspace, params: Params, recommender: Path, vocabulary: Path, base: Path
) -> pd.DataFrame:
    """Rank the present holdout with any model version, asked in the wording it was trained on.

    Parameters
    ----------
    recommender, vocabulary, base
        Folders of that version.

    Returns
    -------
    pandas.DataFrame
        Columns ``customer_id, sku, rank, score, masked``; two lists of ``ranking.depth`` a customer;
        of ``ranking.beams``, where that is less, from a model that writes SKUs as words of id tokens.
    """
    ranker = load_ranker(recommender, base, vocabulary, params.ranking, sales(workspace, tested=False))
    prompts = questions(workspace, recommender, "test")
    bought = seen_before_test(workspace)
    seen = [bought.get(customer, []) for customer in prompts[c.CUSTOMER]]
    catalogue = set(read_table(workspace.behaviour / "articles.parquet", [c.SKU])[c.SKU])
    # What is sold out today may have been bought in the holdout: its lists must not know.
    barred = ranker.barred(catalogue, retired=False)
    kept, masked = ranker.both(prompts, params.ranking.depth, barred, seen, "ranking the holdout")
    names, skus = prompts[c.CUSTOMER], ranker.registry[c.SKU]
    both = pd.concat(
        [
            ranked_table(kept, names, skus).assign(**{c.MASKED: False}),
            ranked_table(masked, names, skus).assign(**{c.MASKED: True}),
        ]
    )
    return both.sort_values([c.CUSTOMER, c.MASKED, c.RANK], ignore_index=True)


def seen_before_test(workspace: Workspace) -> dict[str, list[str]]:
    """List what each customer bought before the test window."""
    events = read_table(workspace.behaviour / "events.parquet", [c.CUSTOMER, c.SKU, c.SPLIT])
    before = events[events[c.SPLIT] != "test"].drop_duplicates([c.CUSTOMER, c.SKU])
    return {str(customer): list(skus) for customer, skus in before.groupby(c.CUSTOMER)[c.SKU]}
