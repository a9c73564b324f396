"""Rows are read a few at a time where caches are small; what comes out is what a whole batch gives."""

from pathlib import Path

import numpy as np
import pytest
import torch

from rec_assets.params import Training
from rec_assets.recommender import last_states as module
from rec_assets.recommender.batches import collate, last_positions
from rec_assets.recommender.build import Recipe, build, sku_model
from rec_assets.recommender.last_states import last_states
from rec_assets.recommender.model import SkuLanguageModel
from rec_assets.vocabulary.token_rows import TokenRow

LENGTHS = (5, 3, 4, 1, 2)


@pytest.fixture
def model(tiny_base: Path, vocabulary: Path) -> SkuLanguageModel:
    return sku_model(build(tiny_base, vocabulary, Recipe(Training(), seed=1))).eval()


@pytest.mark.parametrize(("cached", "passes"), [(1, 5), (10, 3), (1000, 1)])
def test_as_a_whole_batch(
    model: SkuLanguageModel, monkeypatch: pytest.MonkeyPatch, cached: int, passes: int
) -> None:
    rng = np.random.default_rng(0)
    rows = [
        TokenRow(np.append(1, rng.integers(2, model.words + 6, length - 1)), np.full(length, -100))
        for length in LENGTHS
    ]
    whole = model.last_states(collate(rows)["input_ids"], last_positions(rows))
    read: list[int] = []
    one = model.last_states

    def counted(input_ids: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        read.append(len(last))
        return one(input_ids, last)

    monkeypatch.setattr(module, "CACHED_TOKENS", cached)
    monkeypatch.setattr(model, "last_states", counted)
    torch.testing.assert_close(last_states(model, rows), whole)
    assert len(read) == passes
    assert sum(read) == len(rows)
