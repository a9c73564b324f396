import pandas as pd
import pytest

from rec_assets.evaluation.stage import run as evaluate
from rec_assets.files import read_table
from rec_assets.params import Params, Promotion
from rec_assets.ranking import holdout
from rec_assets.registry.scores import rank_and_score


@pytest.mark.parametrize("masked", [False, True])
def test_the_champion_is_scored_as_the_evaluation_scores(holdout_workspace, monkeypatch, masked):
    lists = read_table(holdout_workspace.baseline_rankings / "popular.parquet")
    asked = []

    def rank_holdout(_workspace, _params, *folders):
        asked.extend(folders)
        return lists

    monkeypatch.setattr(holdout, "rank_holdout", rank_holdout)
    evaluate(holdout_workspace, Params())
    judged = read_table(holdout_workspace.reports / "evaluation" / "per_customer.parquet")
    expected = judged[(judged["model"] == "popular") & (judged["masked"] == masked)].set_index("customer_id")
    version = holdout_workspace.registry / "versions" / "abc"
    found = rank_and_score(holdout_workspace, Params(promotion=Promotion(masked=masked)), version)
    pd.testing.assert_series_equal(found.sort_index(), expected["ndcg@10"].sort_index())
    assert asked == [version / "recommender", version / "vocabulary", version / "base"]
