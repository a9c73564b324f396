"""Split, scores, resumption and result file of the ranking benchmark."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from harness.beauty import LeaveOneOut, first_customers, leave_one_out
from harness.bsarec_training import BSARecBaseline, Recipe
from harness.couturier import CHANGES, rank_with_couturier
from harness.parameters import parameters
from harness.results import merge, summary, table
from harness.scores import judge
from harness.simple import TrainedBoughtNext, TrainedEase, TrainedItemKnn, TrainedPopular
from parts import measure, parts

from rec_assets.baselines.lists import ListWriter


@pytest.fixture
def data() -> LeaveOneOut:
    """Forty customers who walk round a circle of twelve SKUs, each from a place of their own."""
    rows = [(f"c{i:02}", f"s{(i + step) % 12:02}", step) for i in range(40) for step in range(5 + i % 3)]
    return leave_one_out(pd.DataFrame(rows, columns=["customer_id", "sku", "position"]).sample(frac=1))


def test_last_is_test_and_the_one_before_validation(data):
    purchases = data.purchases
    assert purchases.skus[data.targets[0]] == "s04"
    assert purchases.skus[purchases.history(0)].tolist() == ["s00", "s01", "s02", "s03"]
    assert purchases.in_training[purchases.starts[0] : purchases.starts[1]].tolist() == [True] * 3 + [False]


def test_a_smoke_run_keeps_the_catalogue(data):
    few = first_customers(data, 2)
    assert few.purchases.customers.tolist() == ["c00", "c01"]
    assert len(few.purchases.skus) == 12
    assert len(few.purchases.sku) == 4 + 5
    assert len(few.targets) == 2


def test_positions_must_tell_the_order():
    rows = [("c", sku, 0) for sku in "abc"]
    with pytest.raises(ValueError, match="position"):
        leave_one_out(pd.DataFrame(rows, columns=["customer_id", "sku", "position"]))


def test_figures_checked_by_hand(data):
    few = first_customers(data, 2)  # targets s04 and s07
    lists = pd.DataFrame(
        [
            ("c00", "s04", 1, 1.0, True),
            ("c01", "s00", 1, 1.0, True),
            ("c01", few.purchases.skus[few.targets[1]], 7, 0.5, True),
            ("c00", "s04", 3, 1.0, False),
        ],
        columns=["customer_id", "sku", "rank", "score", "masked"],
    )
    figures = judge(lists, few)
    assert figures["recall@5/masked"] == 0.5
    assert figures["recall@10/masked"] == 1.0
    assert figures["ndcg@10/masked"] == pytest.approx((1 + 1 / 3) / 2)  # 1 / log2(8)
    assert figures["ndcg@5/unmasked"] == pytest.approx(0.25)
    with pytest.raises(ValueError, match="twice"):
        judge(pd.concat([lists, lists]), few)


@pytest.mark.parametrize(
    "model",
    [TrainedPopular(), TrainedItemKnn(1, 1), TrainedEase(1, 1), TrainedBoughtNext()],
    ids=lambda m: type(m).__name__,
)
def test_the_classical_models_learn_from_training_alone(data, model):
    """A validation purchase of an SKU that nobody else bought changes no model."""
    purchases = data.purchases
    skus = np.append(purchases.skus, "new")
    last = purchases.starts[1] - 1
    bought = purchases.sku.copy()
    bought[last] = 12
    odd = replace(
        purchases,
        skus=skus,
        sku=bought,
        categories=np.zeros(13, np.int64),
        texts=np.full(13, "", object),
    )
    model.fit(odd)
    scores = model.score(odd.test_customers)
    assert 12 in odd.history(0)
    assert not (scores[1:, 12] > 0).any()
    if isinstance(model, TrainedBoughtNext):  # its scores are logarithms of probabilities
        assert np.isneginf(scores[1:, 12]).all()
    assert np.isfinite(scores[:, :12]).all(axis=1).any()
    assert model.parameters > 0


def test_a_killed_run_goes_on_to_the_same_weights(data, tmp_path):
    recipe = Recipe(epochs=4, batch=16, length=6, learning_rate=1e-2, dropout=0.5)
    whole = BSARecBaseline(recipe, 3, tmp_path / "whole.safetensors")
    whole.fit(data.purchases)
    BSARecBaseline(replace(recipe, epochs=2), 3, tmp_path / "cut.safetensors").fit(data.purchases)
    cut = BSARecBaseline(recipe, 3, tmp_path / "cut.safetensors")
    cut.fit(data.purchases)
    assert cut.curve == whole.curve
    assert cut.resumed_seconds > 0
    for one, other in zip(cut.network.parameters(), whole.network.parameters(), strict=True):
        assert torch.equal(one, other)
    other_seed = BSARecBaseline(replace(recipe, epochs=1), 4, tmp_path / "cut.safetensors")
    other_seed.fit(data.purchases)
    assert len(other_seed.curve) == 1


def test_bsarec_learns_the_circle(data, tmp_path):
    recipe = Recipe(epochs=40, batch=32, length=6, learning_rate=1e-2, dropout=0.25, weight_decay=0)
    model = BSARecBaseline(recipe, 1, tmp_path / "run.safetensors")
    model.fit(data.purchases)
    writer = ListWriter(data.purchases, 10)
    writer.add(model, data.purchases.test_customers)
    assert judge(writer.frame(), data)["ndcg@10/masked"] > 0.9


def test_the_product_runs_through_its_own_stages_on_the_same_split(data, quick, tmp_path):
    """And is not trained again when it was trained before."""
    purchases = data.purchases
    last = pd.DataFrame({"user_id": purchases.customers, "item_id": purchases.skus[data.targets]})
    names = purchases.customers[purchases.customer]
    events = pd.DataFrame({"user_id": names, "item_id": purchases.skus[purchases.sku]})
    events = pd.concat([events, last], ignore_index=True)
    events["position"] = events.groupby("user_id").cumcount()
    source = tmp_path / "source"
    source.mkdir()
    events.to_parquet(source / "interactions.parquet", index=False)
    items = pd.DataFrame({"item_id": purchases.skus, "title": [f"soft coats no {i}" for i in range(12)]})
    items = items.assign(brand=None, categories="'Beauty', 'Hair', 'Soap'", price=1.0)
    items.to_parquet(source / "items.parquet", index=False)
    own_scores = {"ranking.demand": False}  # as parts are judged
    params = parameters({**CHANGES, **quick, **own_scores, "source.path": str(source)})
    lists, report = rank_with_couturier(tmp_path / "shop", params, data, 10)
    assert lists["rank"].max() == 10
    assert judge(lists, data)["recall@10/unmasked"] > 0
    assert report["parameters"] > report["notes"]["trained_parameters"] > 0
    measured = measure(tmp_path / "shop", data, seed=1)
    assert list(measured) == ["layers", "one branch", "branches", "layers and one branch", "all"]
    # Unmasked, ranking counts repeats where a part has its scores alone.
    whole = {name: value for name, value in judge(lists, data).items() if name.endswith("/masked")}
    assert {name: measured["all"]["metrics"][name] for name in whole} == pytest.approx(whole)
    again, same = rank_with_couturier(tmp_path / "shop", params, data, 10)
    assert same == report
    assert again.equals(lists)
    moved = LeaveOneOut(purchases, np.roll(data.targets, 1))
    with pytest.raises(AssertionError, match="differ in the test SKU of 40 of 40"):
        rank_with_couturier(tmp_path / "shop", params, moved, 10)


def test_every_part_owns_its_columns():
    found = parts([3, 2, 2])
    assert found["layers"] == [0, 1, 2]
    assert found["one branch"] == [3, 4]
    assert found["branches"] == [3, 4, 5, 6]
    assert found["layers and one branch"] == [0, 1, 2, 3, 4]
    assert found["all"] == list(range(7))
    assert list(parts([3])) == ["layers", "all"]


def test_rows_are_merged_in_the_order_of_the_models(tmp_path):
    def row(model: str, value: float) -> dict:
        runs = [
            {
                "seed": seed,
                "metrics": {"ndcg@10/masked": value + seed},
                "seconds": 2.0,
                "peak_mb": 10 * seed,
                "parameters": 5,
                "command": "c",
                "commit": "abc",
                "notes": {},
            }
            for seed in (1, 3)
        ]
        return summary(model, runs, deterministic=False)

    path = tmp_path / "ranking.json"
    for model, value in (
        ("bsarec", 0.0),
        ("mine", 0.0),
        ("popular", 1.0),
        ("couturier", 0.0),
        ("bsarec", 2.0),
    ):
        merge(path, row(model, value), "python …", [1, 3])
    rows = json.loads(path.read_text())["rows"]
    assert [entry["model"] for entry in rows] == ["popular", "bsarec", "couturier", "mine"]
    assert rows[1]["metrics"]["ndcg@10/masked"] == {"mean": 4.0, "sd": pytest.approx(2**0.5)}
    assert rows[1]["peak_mb"] == 30
    assert table(rows).splitlines()[3].startswith("| bsarec | 4.0000 ± 1.4142 |")
