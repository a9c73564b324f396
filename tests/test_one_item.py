"""A catalogue of one article goes through every stage."""

import shutil
from pathlib import Path

from rec_assets.files import read_json, read_table, write_table
from rec_assets.params import change_params
from rec_assets.pipeline import run_stage
from rec_assets.workspace import Workspace

PROJECT = Path(__file__).resolve().parents[1]


def test_one_article_is_trained_ranked_judged_and_reported(
    validated_workspace: Workspace, tiny_base: Path
) -> None:
    here = validated_workspace
    for folder in (here.raw, here.validated):
        articles = read_table(folder / "articles.parquet").head(1)
        bought = read_table(folder / "transactions.parquet")
        write_table(articles, folder / "articles.parquet")
        write_table(bought.assign(sku=articles["sku"].iloc[0]), folder / "transactions.parquet")
    shutil.copytree(tiny_base, here.base_model)
    template = here.root / "rec_assets" / "prompts" / "template.yaml"
    template.parent.mkdir(parents=True)
    shutil.copy(PROJECT / "rec_assets" / "prompts" / "template.yaml", template)
    changes = {
        "training.epochs": 1,
        "tracking.mode": "disabled",
        "run.threads": 1,
        "splits.test_days": 60,
        "splits.validation_days": 60,
        "baselines.sequential_epochs": 1,
    }
    change_params(here.params_file, changes)
    for name in (
        *(
            "splits",
            "attribute_heads",
            "item_texts",
            "behaviour",
            "prompts",
            "vocabulary",
            "recommender",
            "baselines",
        ),
        *("holdout_rankings", "evaluation", "trends", "promotion", "recommendations"),
        *("classifier_heads", "report"),
    ):
        run_stage(here, name)
    assert read_json(here.reports / "metrics.json")["couturier"]["ndcg@10"] == 1
    assert set(read_table(here.recommendations / "lists.parquet")["sku"]) == {"SKU0000"}
    assert (here.reports / "report.html").stat().st_size > 10_000
