"""New SKUs, new customers and a new catalogue on a tiny shop."""

import json

import numpy as np
import pandas as pd
import pytest
from coldstart import NEW_CATALOGUE, with_other_rows
from harness.coldstart_results import judged_rows
from harness.hm import hm_source, workspaces
from harness.new_catalogue import zero_shot_pairs
from harness.newcomers import (
    EMPTIED,
    NEW_SKUS,
    NO_HISTORY,
    new_customer_rules,
    new_sku_rules,
    newcomer_pairs,
)
from harness.pooled import GAIN
from harness.stages import run_until

from rec_assets.baselines.data import read_purchases
from rec_assets.files import read_table
from rec_assets.params import Ranking
from rec_assets.prompts.without_history import without_history
from rec_assets.ranking.one_pass import OnePassRanker

AS_OF = "2024-09-02"


@pytest.fixture(scope="module")
def trained(hm_shared, quick, tmp_path_factory):
    work = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUTURIER_SHARED", str(hm_shared))
        changes = {**quick, "source.path": str(hm_source(work))}
    ((_, here),) = workspaces("couturier-1", [AS_OF], changes, work)
    run_until(here, "holdout_rankings")
    return here


def test_newcomers_are_judged_against_their_rules(trained):
    found = newcomer_pairs("couturier", trained, seed=1)
    assert set(found) == {NEW_SKUS, EMPTIED, NO_HISTORY}
    new = found[NEW_SKUS].groupby("model")["recall@10/never_bought"].mean()
    weighed = {"popular_in_category, arrivals", "title_knn, arrivals"}
    assert set(new.index) == {"couturier", "random", "popular_in_category", "title_knn"} | weighed
    # Six articles are new: a list of ten of nothing but new ones finds whatever was bought of them.
    assert (new == 1).all()
    emptied = found[EMPTIED]
    assert set(emptied["model"]) == {"couturier", "popular", "recently_popular", "popular_in_age_group"}
    assert emptied["ndcg@10/unmasked"].notna().all()
    assert found[NO_HISTORY]["ndcg@10/unmasked"].notna().sum() == 0  # everybody here has bought before
    pairs = pd.concat([frame.assign(task=task, seed=1) for task, frame in found.items()])
    runs = [{"seed": 1, "seconds": 1.0, "peak_mb": 2, "commit": "abc"}]
    rows = judged_rows(pairs, "couturier", runs, "c")
    by_task = {row["task"]: row["judged"]["pairs"] for row in rows}
    assert by_task[EMPTIED] > by_task[NEW_SKUS] > by_task[NO_HISTORY] == 0
    own = next(row for row in rows if (row["task"], row["model"]) == (EMPTIED, "couturier"))
    assert own[GAIN]["ndcg@10/unmasked"]["baseline"] != "couturier"


def test_withheld_histories_leave_nothing_of_the_customer_but_attributes(trained):
    ranker = OnePassRanker.load(trained.recommender, trained.base_model, trained.vocabulary, Ranking())
    prompts = without_history(read_table(trained.prompts / "test.parquet"))
    tops = {prompts["header"][top.place]: top for top in ranker.top(prompts, 5, ranker.barred())}
    by_header = prompts.groupby("header").size()
    assert by_header.max() > 1
    for top in ranker.top(prompts, 5, ranker.barred()):
        assert top.skus.tolist() == tops[prompts["header"][top.place]].skus.tolist()


def test_a_new_sku_inherits_from_its_namesakes(trained):
    data = read_purchases(trained)
    scores = new_sku_rules(data, trained, seed=1)["popular_in_category"]
    new = np.flatnonzero(data.popularity == 0)
    assert len(new) == 6
    sold = {sku: data.popularity[place] for place, sku in enumerate(data.skus)}
    customer = int(data.test_customers[0])
    mix = np.bincount(data.categories[data.history(customer)], minlength=data.categories.max() + 1)
    titles = read_table(trained.item_texts).set_index("sku")["title"]

    def inherited(sku: str) -> float:
        return 1.0 + sum(count for other, count in sold.items() if titles[other] == titles[sku])

    for place in new:
        category = data.categories[place]
        total = sum(
            inherited(sku) for sku, own in zip(data.skus, data.categories, strict=True) if own == category
        )
        share = mix[category] / mix.sum()
        expected = share * inherited(data.skus[place]) / total if share else -np.inf
        assert scores[0, place] == pytest.approx(expected, rel=1e-4)


def test_an_age_group_has_a_taste_of_its_own(trained):
    data = read_purchases(trained)
    scores = new_customer_rules(data, trained)["popular_in_age_group"]
    features = read_table(trained.behaviour / "customers.parquet").set_index("customer_id")["age_band"]
    band = features.reindex(data.customers).to_numpy()
    row = 0
    own = np.bincount(data.sku[band[data.customer] == band[data.test_customers[row]]], minlength=24)
    assert np.floor(scores[row]).tolist() == own.tolist()
    assert len({tuple(scores[i]) for i in range(len(scores))}) == len(set(band[data.test_customers]))


def test_a_catalogue_never_seen_is_ranked(hm_shared, quick, tmp_path, monkeypatch):
    monkeypatch.setenv("COUTURIER_SHARED", str(hm_shared))
    groups = ("Ladieswear", "Menswear")
    pairs = zero_shot_pairs("couturier", groups, "couturier-1", [AS_OF], quick, tmp_path, None)
    assert set(pairs["model"]) == {"couturier", "popular", "popular_in_category", "repeat", "title_knn"}
    assert pairs["ndcg@10/unmasked"].notna().all()
    there = tmp_path / f"workspace-couturier-1-Ladieswear-Menswear-{AS_OF}" / "data"
    menswear = {f"{number:010}" for number in range(112, 124)}
    assert set(read_table(there / "rankings" / "holdout" / "couturier.parquet")["sku"]) <= menswear
    registry = read_table(there / "vocabulary" / "registry.parquet")
    assert set(registry["sku"][:12]).isdisjoint(menswear)  # what it was trained on keeps its tokens
    assert set(registry["sku"][12:]) == menswear


def test_rows_of_tasks_and_models_that_were_not_run_stay(tmp_path):
    path = tmp_path / "coldstart.json"
    row = {"task": NEW_SKUS, "model": "couturier", "metrics": 1}
    other = {"task": f"{NEW_CATALOGUE}: a → b", "model": "couturier", "metrics": 2}
    assert with_other_rows([row], path) == [row]
    path.write_text(json.dumps({"rows": [row, other]}))
    again = {**row, "metrics": 3}
    assert with_other_rows([again], path) == [again, other]
    anew = {**other, "metrics": 4}
    assert with_other_rows([anew], path) == [row, anew]
    path.write_text(json.dumps({"rows": [row, other]}))
    scratch = {**row, "model": "couturier_scratch", "metrics": 5}
    assert with_other_rows([scratch], path) == [row, scratch, other]
