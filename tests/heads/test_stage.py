import itertools

import pandas as pd
import pytest

from rec_assets.files import content_hash, read_json, write_table
from rec_assets.heads import stage
from rec_assets.heads.label_head import LabelHead
from rec_assets.params import Params

CATEGORY = {"min_rows": 5, "prompt": "{text}", "epochs": 100, "learning_rate": 0.03}


def params(**heads):
    return Params.model_validate({"heads": heads, "run": {"threads": 1}})


def test_a_head_is_trained_judged_and_beats_the_majority(shop):
    report = stage.run(shop, params(category=CATEGORY))
    metrics = read_json(shop.reports / "heads" / "category" / "metrics.json")
    assert metrics["majority"]["accuracy"] == pytest.approx(1 / 3)
    assert metrics["head"]["accuracy"] > 0.6
    assert metrics["TF-IDF and logistic regression"]["accuracy"] == 1.0  # titles name the category
    assert metrics["rows"]["train"] + metrics["rows"]["test"] == metrics["rows"]["used"] == 90
    assert [(check.name, check.passed) for check in report.checks] == [("beats_majority", True)]
    counts = pd.read_csv(shop.reports / "heads" / "category" / "confusion.csv", index_col="true")
    assert counts.to_numpy().sum() == 18
    assert counts.to_numpy().trace() / 18 == pytest.approx(metrics["head"]["accuracy"])
    assert all(plot.read_bytes().startswith(b"\x89PNG") for plot in report.plots)
    assert LabelHead.load(shop.heads / "category").labels == ("Belts", "Coats", "Trousers")


def test_the_same_inputs_give_the_same_bytes(shop):
    hashes = []
    for _ in range(2):
        stage.run(shop, params(category=CATEGORY))
        hashes.append((content_hash(shop.heads), content_hash(shop.reports / "heads")))
    assert hashes[0] == hashes[1]


def test_without_heads_the_stage_says_so_and_passes(shop):
    report = stage.run(shop, params())
    assert "No heads are configured" in report.summary
    assert read_json(shop.heads / "heads.json") == {"heads": [], "skipped": {}}
    assert report.checks[0].passed


def test_a_head_with_too_few_rows_is_left_out_with_the_reason(shop, articles):
    write_table(articles.head(4), shop.validated / "articles.parquet")
    report = stage.run(shop, params(category=CATEGORY))
    assert "category: left out, 0 of 3 labels" in report.summary
    assert "0 of 3 labels" in read_json(shop.reports / "heads" / "heads.json")["skipped"]["category"]
    assert report.checks[0].passed


def test_a_head_that_learns_nothing_fails_its_check(shop, articles):
    shuffled = articles.assign(
        title=[" ".join(words) for words in itertools.product(["black", "red", "white"], repeat=5)][
            : len(articles)
        ],
        category=articles["category"].where(articles.index % 9 < 3, "Coats"),
    )
    write_table(shuffled, shop.validated / "articles.parquet")
    report = stage.run(shop, params(category=CATEGORY | {"epochs": 0}))
    assert not report.checks[0].passed
    assert "category" in report.checks[0].description


@pytest.mark.slow
@pytest.mark.shared
def test_the_real_base_model_tells_garments_apart(workspace, shared_data):
    from rec_assets.backbone.stage import run as base_model

    catalogue = pd.read_parquet(shared_data / "hm" / "articles.parquet")
    catalogue = catalogue.rename(
        columns={
            "article_id": "sku",
            "prod_name": "title",
            "detail_desc": "description",
            "product_type_name": "category",
        }
    )
    write_table(catalogue.head(4000), workspace.validated / "articles.parquet")
    base_model(workspace, Params())
    stage.run(workspace, params(category={"max_rows": 600}))
    metrics = read_json(workspace.reports / "heads" / "category" / "metrics.json")
    assert metrics["head"]["accuracy"] > metrics["majority"]["accuracy"] + 0.2
    assert metrics["head"]["accuracy"] > metrics["label words, untrained"]["accuracy"] + 0.2
