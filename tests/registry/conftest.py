"""A workspace that holds a small model and its scores."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from rec_assets.files import write_json, write_table
from rec_assets.workspace import Workspace


@pytest.fixture
def trained(workspace: Workspace) -> Callable[..., Workspace]:
    """Write a model whose content is ``name``, and per-customer scores around ``means``."""

    def build(name: str = "one", **means: float) -> Workspace:
        for folder in (workspace.recommender, workspace.vocabulary / "tokenizer", workspace.base_model):
            folder.mkdir(parents=True, exist_ok=True)
            # As stages do: a new file under the old name, never a rewrite in place.
            (folder / "weights.safetensors").unlink(missing_ok=True)
            (folder / "weights.safetensors").write_text(f"{folder.name} {name}")
        write_json({"validation_start": "2025-01-01"}, workspace.splits / "windows.json")
        random = np.random.default_rng(1)
        frames = [
            pd.DataFrame(
                {
                    "customer_id": [f"C{i}" for i in range(200)],
                    "model": model,
                    "masked": masked,
                    "ndcg@10": np.clip(random.normal(mean, 0.05, 200), 0, 1),
                }
            )
            for model, mean in (means or {"couturier": 0.5, "popular": 0.2}).items()
            for masked in (False, True)
        ]
        write_table(pd.concat(frames), workspace.reports / "evaluation" / "per_customer.parquet")
        return workspace

    return build
