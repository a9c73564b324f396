"""Attributes read off the texts stand where the catalogue has none, and nowhere else."""

import pandas as pd
import pytest

from rec_assets.features import behaviour, item_texts
from rec_assets.features.filled import filled_articles, filled_path
from rec_assets.files import read_table, write_table
from rec_assets.params import Params
from rec_assets.pipeline import run_stage
from rec_assets.workspace import Workspace


@pytest.fixture
def lacking(validated_workspace: Workspace) -> Workspace:
    """The tiny retailer, whose first articles lack what a retailer may not tell."""
    path = validated_workspace.validated / "articles.parquet"
    articles = read_table(path)
    articles.loc[0, ["category", "colour"]] = [None, " "]
    articles.loc[1, "category"] = "unknown"
    write_table(articles, path)
    rows = [
        ("SKU0000", "category", "Coats", True),
        ("SKU0000", "colour", "black", False),
        ("SKU0001", "category", "Gloves", True),
        ("SKU0002", "category", "Gloves", True),  # the catalogue says what it is
        ("GONE", "category", "Gloves", True),
    ]
    frame = pd.DataFrame(rows, columns=["sku", "column", "value", "kept"])
    write_table(frame.assign(probability=0.9), filled_path(validated_workspace))
    return validated_workspace


def test_only_what_is_missing_is_filled(lacking: Workspace) -> None:
    before = read_table(lacking.validated / "articles.parquet")
    after, count = filled_articles(before, lacking)
    assert count == 2
    assert after["category"].tolist()[:3] == ["Coats", "Gloves", before["category"][2]]
    assert after["colour"][0] == " "
    assert after.drop(columns=["category"]).equals(before.drop(columns=["category"]))


def test_texts_and_features_of_articles_say_it(lacking: Workspace) -> None:
    run_stage(lacking, "splits")
    item_texts.run(lacking, Params())
    behaviour.run(lacking, Params())
    texts = read_table(lacking.item_texts).set_index("sku")["text"]
    assert "Coats" in texts["SKU0000"]
    assert "Gloves" in texts["SKU0001"]
    assert "Gloves" not in texts["SKU0002"]
    features = read_table(lacking.behaviour / "articles.parquet").set_index("sku")
    assert features["category"].tolist()[:3] == ["Coats", "Gloves", "Coats"]
    assert features["colour"].tolist()[:2] == ["unknown", "white"]
    assert len(features) == 30


def test_without_the_table_nothing_is_filled(lacking: Workspace) -> None:
    run_stage(lacking, "splits")
    filled_path(lacking).unlink()
    behaviour.run(lacking, Params())
    features = read_table(lacking.behaviour / "articles.parquet").set_index("sku")
    assert features["category"].tolist()[:2] == ["unknown", "unknown"]
    assert filled_articles(read_table(lacking.validated / "articles.parquet"), lacking)[1] == 0
