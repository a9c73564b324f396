"""The champion's score on the newest holdout."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from rec_assets.columns import CUSTOMER
from rec_assets.evaluation.holdout import read_holdout
from rec_assets.evaluation.lists import read_lists
from rec_assets.evaluation.scores import score_customers
from rec_assets.files import write_table
from rec_assets.params import Params
from rec_assets.registry.serving import vocabulary_for
from rec_assets.workspace import Workspace

ChampionScores = Callable[[Workspace, Params, Path], pd.Series]


def rank_and_score(workspace: Workspace, params: Params, version: Path) -> pd.Series:
    """Rank the newest holdout with a stored version, and score its lists as the evaluation does.

    Parameters
    ----------
    workspace
        Holds the newest prompts and the newest test window.
    params
        Metric, mode, and how to rank.
    version
        The stored version's folder.

    Returns
    -------
    Series
        ``promotion.metric`` by customer id.
    """
    # Ranking brings torch; a first promotion has no champion to rank with and does not need it.
    import torch

    from rec_assets.ranking.holdout import rank_holdout

    torch.set_num_threads(params.run.threads)  # sums depend on it, and this stage may have a process alone
    lists = rank_holdout(
        workspace, params, version / "recommender", vocabulary_for(workspace, version), version / "base"
    )
    holdout = read_holdout(workspace, params.evaluation.max_customers, params.run.seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "champion.parquet"
        write_table(lists, path)
        unmasked, masked = read_lists(path, "champion", holdout)
    chosen = masked if params.promotion.masked else unmasked
    cutoff = int(params.promotion.metric.partition("@")[2])
    return score_customers(chosen, holdout, (cutoff,)).set_index(CUSTOMER)[params.promotion.metric]
