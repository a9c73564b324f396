"""A workspace with everything the page shows."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rec_assets.evaluation.stage import run
from rec_assets.files import read_table, write_json, write_table
from rec_assets.params import Params
from rec_assets.workspace import Workspace

MARKUP = '<script>alert("sku")</script> & <b>bold</b>'
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)


@pytest.fixture(scope="session")
def judged_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test leaves the evaluation's outputs for the others: all judge the same lists."""
    return tmp_path_factory.mktemp("judged") / "reports"


@pytest.fixture
def reported_workspace(holdout_workspace: Workspace, judged_once: Path) -> Workspace:
    """An evaluated workspace with lists, a decision, a curve, trends, a head; one title holds markup."""
    here = holdout_workspace
    if not judged_once.exists():
        run(here, Params(evaluation=Params().evaluation.model_copy(update={"bootstrap_samples": 100})))
        shutil.copytree(here.reports, judged_once)
    shutil.copytree(judged_once, here.reports, dirs_exist_ok=True)
    for path in (here.validated / "articles.parquet", here.item_texts):
        titles = read_table(path)
        titles.loc[0, "title"] = MARKUP
        write_table(titles, path)
    customers = [*read_table(here.behaviour / "customers.parquet")["customer_id"], "NEWCOMER"]
    skus = read_table(here.behaviour / "articles.parquet")["sku"].tolist()
    lists = [(c, sku, rank, 1 / rank) for c in customers for rank, sku in enumerate(skus[:12], start=1)]
    write_table(
        pd.DataFrame(lists, columns=["customer_id", "sku", "rank", "score"]),
        here.recommendations / "lists.parquet",
    )
    curve = {"epoch": [1, 2, 3], "step": [10, 20, 30], "train_loss": [3.0, 2.0, 1.5]}
    curve |= {"validation_ndcg@10": [np.nan, 0.05, 0.06], "learning_rate": [1e-3] * 3}
    pd.DataFrame(curve).to_csv(here.reports / "training_curve.csv", index=False)
    write_json(
        {
            "transactions": {
                "raw": 350,
                "validated": 347,
                "quarantined": 3,
                "quarantined_share": 3 / 350,
                "broken": {"price_not_negative": 3, "known_sku": 0},
            },
            "suites": {"transactions_suite": True},
        },
        here.reports / "validation.json",
    )
    write_json(
        {
            "decision": "promoted",
            "version": "abc123",
            "champion": "abc123",
            "reasons": ["Beats popular."],
            "comparisons": [
                {
                    "against": "popular",
                    "metric": "ndcg@10",
                    "difference": 0.1,
                    "low": 0.05,
                    "high": 0.2,
                    "p_value": 0.01,
                }
            ],
        },
        here.reports / "promotion.json",
    )
    write_json(
        {"measures": [{"name": "colour", "distance": 0.3, "threshold": 0.25, "shifted": True}]},
        here.reports / "trends" / "trends.json",
    )
    for folder, name, baseline in (
        ("heads", "category", "TF-IDF and logistic regression"),
        ("customer_heads", "next_category", "the customer's most frequent label"),
    ):
        head = here.reports / folder / name
        write_json(
            {
                "head": {"accuracy": 0.913, "macro_f1": 0.8, "calibration_error": 0.047},
                "majority": {"accuracy": 0.2, "macro_f1": 0.1},
                "baseline": baseline,
                baseline: {"accuracy": 0.85, "macro_f1": 0.7},
                "rows": {"train": 24, "test": 6},
                "labels": 5,
            },
            head / "metrics.json",
        )
        for kind in ("confusion", "calibration"):
            (head / f"{kind}_{name}.png").write_bytes(PIXEL)
    explained = {"text": MARKUP, "truth": "Coats", "predicted": "Belts", "parts": [[MARKUP[:8], 0, -0.5]]}
    write_json([explained], here.reports / "heads" / "category" / "explained.json")
    return here
