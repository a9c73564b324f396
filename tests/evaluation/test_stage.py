import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rec_assets.errors import TableError
from rec_assets.evaluation.stage import run
from rec_assets.files import content_hash, read_table, write_json, write_table
from rec_assets.params import Params
from rec_assets.workspace import Workspace

PARAMS = Params().model_copy(
    update={"evaluation": Params().evaluation.model_copy(update={"bootstrap_samples": 200})}
)


def test_every_model_is_judged_in_both_modes(holdout_workspace: Workspace) -> None:
    report = run(holdout_workspace, PARAMS)
    folder = holdout_workspace.reports / "evaluation"
    metrics = pd.read_csv(folder / "metrics.csv")
    assert set(zip(metrics["model"], metrics["masked"], strict=True)) == {
        (model, masked) for model in ("couturier", "popular", "repeat") for masked in (False, True)
    }
    assert set(metrics["cutoff"]) == {5, 10, 20, 200}
    bounded = metrics[~metrics["metric"].isin(["novelty", "mean_popularity"])]["value"].dropna()
    assert bounded.between(0, 1).all()
    assert report.rows["models"] == 3
    assert {path.name for path in report.plots} == {path.name for path in folder.glob("*.png")}


def test_metrics_json_agrees_with_the_tables(holdout_workspace: Workspace) -> None:
    run(holdout_workspace, PARAMS)
    flat = json.loads((holdout_workspace.reports / "metrics.json").read_text())
    best = flat.pop("best_baseline")
    folder = holdout_workspace.reports / "evaluation"
    customers = read_table(folder / "per_customer.parquet")
    sure = pd.read_csv(folder / "significance.csv")
    for model, values in flat.items():
        for masked, suffix in ((False, ""), (True, "/masked")):
            rows = customers[(customers["model"] == model) & (customers["masked"] == masked)]
            assert values[f"ndcg@10{suffix}"] == pytest.approx(rows["ndcg@10"].mean())
            line = sure[(sure["model"] == model) & (sure["masked"] == masked) & (sure["metric"] == "ndcg@10")]
            assert line["low"].item() <= values[f"ndcg@10{suffix}"] <= line["high"].item()
    assert best == max(("popular", "repeat"), key=lambda name: flat[name]["ndcg@10"])


def test_the_same_inputs_give_the_same_bytes(holdout_workspace: Workspace) -> None:
    hashes = []
    for _ in range(2):
        run(holdout_workspace, PARAMS)
        hashes.append(content_hash(holdout_workspace.reports))
    assert hashes[0] == hashes[1]


def test_masked_lists_are_judged_on_first_purchases_only(holdout_workspace: Workspace) -> None:
    run(holdout_workspace, PARAMS)
    customers = read_table(holdout_workspace.reports / "evaluation" / "per_customer.parquet")
    repeat = customers[customers["model"] == "repeat"]
    assert (repeat.loc[repeat["masked"], "recall@200"] == 0).all()
    whole_basket_repeated = set(repeat.loc[~repeat["masked"], "customer_id"]) - set(
        repeat.loc[repeat["masked"], "customer_id"]
    )
    everything = repeat.set_index("customer_id").loc[sorted(whole_basket_repeated), "recall@200"]
    assert whole_basket_repeated
    assert (everything == 1).all()


def test_slices_know_cold_items_and_histories(holdout_workspace: Workspace) -> None:
    run(holdout_workspace, PARAMS)
    table = pd.read_csv(holdout_workspace.reports / "evaluation" / "slices.csv")
    assert {"customer", "item", "category", "price tier", "season", "segment"} == set(table["slice"])
    own = table[(table["model"] == "couturier") & ~table["masked"]]
    parts = own.groupby("slice")["purchases"].sum()
    assert parts.nunique() == 1  # each way of slicing accounts for every purchase
    assert (table["low"] <= table["ndcg@10"]).all()
    assert (table["ndcg@10"] <= table["high"]).all()
    keys = ["masked", "slice", "value"]
    beside = table.merge(own[[*keys, "ndcg@10"]], on=keys, suffixes=("", "_own"))
    rivals = beside[beside["model"] != "couturier"]
    assert rivals["difference"].to_numpy() == pytest.approx(
        (rivals["ndcg@10_own"] - rivals["ndcg@10"]).to_numpy()
    )
    assert (
        (rivals["difference_low"] <= rivals["difference"])
        & (rivals["difference"] <= rivals["difference_high"])
    ).all()
    assert own["difference"].isna().all()


def test_an_item_is_cold_only_if_training_never_sold_it(holdout_workspace: Workspace) -> None:
    run(holdout_workspace, PARAMS)
    table = pd.read_csv(holdout_workspace.reports / "evaluation" / "slices.csv")
    own = table[(table["model"] == "couturier") & ~table["masked"]].set_index(["slice", "value"])
    articles = pd.read_parquet(holdout_workspace.behaviour / "articles.parquet").set_index("sku")
    bought = pd.read_parquet(holdout_workspace.splits / "test.parquet").drop_duplicates(
        ["customer_id", "sku"]
    )
    sold = bought["sku"].map(articles["train_purchases"])
    assert own.loc[("item", "bought in training"), "purchases"] == (sold > 0).sum()
    assert ("item", "cold (never bought in training)") in own.index or (sold > 0).all()


def test_recall_by_category_counts_every_purchase_within_the_cutoff(holdout_workspace: Workspace) -> None:
    run(holdout_workspace, PARAMS)
    table = pd.read_csv(holdout_workspace.reports / "evaluation" / "recall_by_category.csv")
    own = table[(table["model"] == "couturier") & ~table["masked"]].set_index("category")
    lists = read_table(holdout_workspace.holdout_rankings / "couturier.parquet")
    bought = pd.read_parquet(holdout_workspace.splits / "test.parquet").drop_duplicates(
        ["customer_id", "sku"]
    )
    ranked = bought.merge(lists[~lists["masked"]], on=["customer_id", "sku"], how="left")
    category = pd.read_parquet(holdout_workspace.behaviour / "articles.parquet").set_index("sku")["category"]
    for k in (5, 10, 20):
        expected = (ranked["rank"] <= k).groupby(ranked["sku"].map(category)).mean()
        assert own[f"recall@{k}"].to_dict() == pytest.approx(expected.to_dict())
    assert own["recall@5"].mean() < own["recall@20"].mean()


def test_what_a_best_seller_list_would_show_is_no_serendipity(holdout_workspace: Workspace) -> None:
    run(holdout_workspace, PARAMS)
    flat = json.loads((holdout_workspace.reports / "metrics.json").read_text())
    assert flat["popular"]["precision@10"] > 0
    assert flat["popular"]["serendipity@10"] == 0
    assert flat["couturier"]["serendipity@10"] > 0


def test_an_absent_recommender_is_an_error(holdout_workspace: Workspace) -> None:
    (holdout_workspace.holdout_rankings / "couturier.parquet").unlink()
    with pytest.raises(TableError, match=r"couturier\.parquet does not exist"):
        run(holdout_workspace, PARAMS)
    assert not (holdout_workspace.reports / "evaluation").exists()


def test_only_the_models_present_are_judged(holdout_workspace: Workspace) -> None:
    for path in holdout_workspace.baseline_rankings.glob("*.parquet"):
        path.unlink()
    run(holdout_workspace, PARAMS)
    flat = json.loads((holdout_workspace.reports / "metrics.json").read_text())
    assert set(flat) == {"couturier", "best_baseline"}
    assert flat["best_baseline"] is None


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda rows: rows.drop(columns="masked"), "no column 'masked'"),
        (lambda rows: pd.concat([rows, rows.head(1)]), "twice"),
        (lambda rows: rows.assign(rank=rows["rank"] - 1), "rank below 1"),
        (lambda rows: rows.assign(sku="nobody knows"), "outside the catalogue"),
    ],
)
def test_damaged_lists_are_named(holdout_workspace: Workspace, damage, words: str) -> None:
    path: Path = holdout_workspace.baseline_rankings / "popular.parquet"
    write_table(damage(read_table(path)), path)
    with pytest.raises(TableError, match=words):
        run(holdout_workspace, PARAMS)


def test_leave_one_out_has_no_dates(holdout_workspace: Workspace) -> None:
    windows = {"strategy": "leave_one_out", "as_of": None, "validation_start": None, "test_end": None}
    write_json(windows, holdout_workspace.splits / "windows.json")
    write_json(
        [{"kind": "trend", "name": "red", "colour": "red", "from": "2024-06-01"}],
        holdout_workspace.truth / "relations.json",
    )
    run(holdout_workspace, PARAMS)
    relations = pd.read_csv(holdout_workspace.reports / "evaluation" / "learned_relations.csv")
    assert "repeat" in set(relations["kind"])
    assert not {"season", "trend", "new_arrivals"} & set(relations["kind"])


def test_a_sample_of_customers_is_seeded(holdout_workspace: Workspace) -> None:
    few = PARAMS.model_copy(update={"evaluation": PARAMS.evaluation.model_copy(update={"max_customers": 7})})
    chosen = []
    for _ in range(2):
        report = run(holdout_workspace, few)
        rows = read_table(holdout_workspace.reports / "evaluation" / "per_customer.parquet")
        chosen.append(sorted(rows["customer_id"].unique()))
    assert report.rows["customers"] == len(chosen[0]) == 7
    assert chosen[0] == chosen[1]


def test_baskets_without_prices_have_no_revenue(holdout_workspace: Workspace) -> None:
    path = holdout_workspace.splits / "test.parquet"
    write_table(read_table(path).assign(price=np.nan), path)
    run(holdout_workspace, PARAMS)
    flat = json.loads((holdout_workspace.reports / "metrics.json").read_text())
    assert "revenue@10" not in flat["couturier"]
    assert "ndcg@10" in flat["couturier"]
