from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from rec_assets.files import read_table
from rec_assets.params import Ranking, Training
from rec_assets.ranking.lists import ranked_table
from rec_assets.ranking.one_pass import OnePassRanker
from rec_assets.recommender.build import Recipe, build
from rec_assets.recommender.storage import save_recommender, trained_tensors


@pytest.fixture
def ranker(tiny_base: Path, vocabulary: Path, tmp_path: Path) -> OnePassRanker:
    recipe = Recipe(Training(), seed=1)
    counts = torch.from_numpy(
        read_table(vocabulary / "registry.parquet")["train_purchases"].to_numpy(copy=True)
    )
    save_recommender(trained_tensors(build(tiny_base, vocabulary, recipe)), recipe, counts, tmp_path)
    return OnePassRanker.load(tmp_path, tiny_base, vocabulary, Ranking(batch_tokens=64))


@pytest.fixture
def prompts() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": ["z", "a", "m"],
            "header": ["women", "", "men"],
            "moments": [["", ""], [], [""]],
            "history": [["s0", "s5"], [], ["s2"]],
            "closing": ["In June :", "", ""],
        }
    )


def test_a_list_is_the_whole_catalogue_sorted_by_score(ranker: OnePassRanker, prompts: pd.DataFrame) -> None:
    scores = {
        place: row
        for places, batch in ranker.scores(prompts)
        for place, row in zip(places, batch, strict=True)
    }
    for top in ranker.top(prompts, 10, ranker.barred()):
        assert sorted(top.skus.tolist()) == list(range(6))
        expected = np.argsort(-scores[top.place].numpy(), kind="stable")
        assert top.skus.tolist() == expected.tolist()


def test_batching_does_not_change_a_list(ranker: OnePassRanker, prompts: pd.DataFrame) -> None:
    together = {top.place: top.skus.tolist() for top in ranker.top(prompts, 6, ranker.barred())}
    for place in range(3):
        (alone,) = ranker.top(prompts.iloc[[place]].reset_index(drop=True), 6, ranker.barred())
        assert alone.skus.tolist() == together[place]


def test_both_lists_of_one_pass_are_those_of_two(ranker: OnePassRanker, prompts: pd.DataFrame) -> None:
    masked = prompts["history"].tolist()
    kept, cut = ranker.both(prompts, 4, ranker.barred(), masked)
    for lists, mask in ((kept, None), (cut, masked)):
        alone = {top.place: top.skus.tolist() for top in ranker.top(prompts, 4, ranker.barred(), mask)}
        assert {top.place: top.skus.tolist() for top in lists} == alone
    assert {top.place: top.skus.tolist() for top in kept} != {top.place: top.skus.tolist() for top in cut}


def test_barred_and_masked_articles_never_come_out(ranker: OnePassRanker, prompts: pd.DataFrame) -> None:
    barred = ranker.barred(allowed={"s0", "s1", "s5"})
    masked = [["s0", "s5", "no longer registered"], [], ["s2"]]
    tops = list(ranker.top(prompts, 6, barred, masked))
    by_place = {top.place: set(top.skus.tolist()) for top in tops}
    assert by_place == {0: {1}, 1: {0, 1, 5}, 2: {0, 1, 5}}


def test_equal_scores_come_in_the_order_of_the_registry(ranker: OnePassRanker) -> None:
    scores = torch.tensor([[1.0, 3.0, 1.0, 3.0, 3.0, 0.0], [0.0] * 6])
    tops = ranker.cut([8, 9], scores, 6, ranker.barred(allowed={"s0", "s1", "s2", "s3", "s5"}))
    assert [(top.place, top.skus.tolist()) for top in tops] == [(8, [1, 3, 0, 2, 5]), (9, [0, 1, 2, 3, 5])]


def test_nothing_allowed_gives_an_empty_list(ranker: OnePassRanker, prompts: pd.DataFrame) -> None:
    assert all(len(top.skus) == 0 for top in ranker.top(prompts, 6, ranker.barred(allowed=set())))


def test_the_table_is_sorted_by_customer_and_rank(ranker: OnePassRanker, prompts: pd.DataFrame) -> None:
    tops = ranker.top(prompts, 2, ranker.barred())
    table = ranked_table(tops, prompts["customer_id"], ranker.registry["sku"])
    assert table["customer_id"].tolist() == ["a", "a", "m", "m", "z", "z"]
    assert table["rank"].tolist() == [1, 2] * 3
    assert set(table["sku"]) <= set(ranker.registry["sku"])
