"""The benchmarks are scripts, not a package: their folder is put on the path as Python does for a script."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

GROUPS = ("Ladieswear", "Menswear")


@pytest.fixture(scope="session")
def quick(tiny_base: Path) -> dict[str, Any]:
    """Changes of the parameters that let the product's stages run in seconds."""
    return {
        "base_model.source": str(tiny_base),
        "base_model.layers": None,
        "prompts.history": 8,
        "training.epochs": 1,
        "training.batch_tokens": 256,
        "training.lora.rank": 4,
        "vocabulary.sentence_encoder": None,
        "baselines.models": ["popular", "repeat", "title_knn"],
        "run.seed": 1,
        "run.threads": 1,
    }


@pytest.fixture(scope="session")
def hm_shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Research data with a tiny H&M: two groups of twelve articles, thirty customers, a year of purchases."""
    random = np.random.default_rng(3)
    shared = tmp_path_factory.mktemp("shared")
    folder = shared / "data" / "hm"
    folder.mkdir(parents=True)
    colours = ("black", "white", "red")
    kinds = ("trousers", "belts", "coats", "knitwear")
    articles = pd.DataFrame(
        {
            "article_id": np.arange(100, 124),
            "product_code": np.arange(24) // 3,
            "prod_name": [f"{kinds[i // 3 % 4]} no {i // 3}" for i in range(24)],
            "product_type_name": [kinds[i // 3 % 4] for i in range(24)],
            "colour_group_name": [colours[i % 3] for i in range(24)],
            "index_group_name": [GROUPS[i // 12] for i in range(24)],
            "detail_desc": [f"Soft {kinds[i // 3 % 4]} in {colours[i % 3]}" for i in range(24)],
        }
    )
    customers = pd.DataFrame(
        {"customer_id": [f"c{i:02}" for i in range(30)], "age": [20.0 + i % 3 * 10 for i in range(30)]}
    )
    rows = []
    for customer in customers["customer_id"]:
        for day in np.sort(random.integers(0, 360, size=16)):
            # Every fourth article enters the shop on day 250: before that it is in the catalogue, unsold.
            known = [i for i in range(24) if i % 4 or day >= 250]
            rows.append((customer, 100 + int(random.choice(known)), day))
    purchases = pd.DataFrame(rows, columns=["customer_id", "article_id", "day"])
    purchases["t_dat"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(purchases.pop("day"), unit="D")
    purchases["price"] = 0.02
    purchases["sales_channel_id"] = 2
    purchases = purchases.sort_values(["t_dat", "customer_id"], ignore_index=True)
    for name, frame in (("articles", articles), ("customers", customers), ("transactions", purchases)):
        frame.to_parquet(folder / f"{name}.parquet", index=False)
    return shared
