import math
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaModel

from rec_assets.params import Training
from rec_assets.recommender.build import Recipe, build, sku_model
from rec_assets.recommender.model import SkuLanguageModel
from rec_assets.training.validation import Holdout, ndcg_at_10
from rec_assets.vocabulary.token_rows import TokenRow


class Fixed(torch.nn.Module):
    """A model whose ranking is known: SKU i scores -i, for every customer."""

    mask_seen = False
    words = 5
    device = torch.device("cpu")
    branches = ()

    def __init__(self) -> None:
        super().__init__()
        self.decoder = LlamaModel(
            LlamaConfig(hidden_size=8, num_attention_heads=1, num_hidden_layers=1, vocab_size=5)
        )

    def head(self) -> torch.Tensor:
        return -torch.arange(20.0).unsqueeze(1)

    def last_states(self, input_ids: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        return torch.ones(len(input_ids), 1)


ROW = TokenRow(np.array([1]), np.array([-100]))


@pytest.mark.parametrize(
    ("basket", "expected"),
    [
        ({0}, 1.0),
        ({1}, 1 / math.log2(3)),
        ({0, 1}, 1.0),
        ({15}, 0.0),
        ({0, 15}, 1 / (1 + 1 / math.log2(3))),
    ],
)
def test_by_hand(basket: set[int], expected: float) -> None:
    holdout = Holdout([ROW], [basket], torch.ones(20, dtype=torch.bool), 100)
    value = ndcg_at_10(Fixed(), holdout, torch.device("cpu"))  # type: ignore[arg-type]
    assert value == pytest.approx(expected)


def test_skus_outside_the_catalogue_make_room() -> None:
    allowed = torch.ones(20, dtype=torch.bool)
    allowed[0] = False
    value = ndcg_at_10(Fixed(), Holdout([ROW], [{1}], allowed, 100), torch.device("cpu"))  # type: ignore[arg-type]
    assert value == 1.0


def test_what_the_softmax_left_out_is_left_out_of_the_lists() -> None:
    bought = TokenRow(np.array([1, 5, 7]), np.full(3, -100))  # SKUs 0 and 2
    holdout = Holdout([bought, ROW], [{1}, {1}], torch.ones(20, dtype=torch.bool), 100)
    model = Fixed()
    second = 1 / math.log2(3)
    assert ndcg_at_10(model, holdout, torch.device("cpu")) == pytest.approx(second)  # type: ignore[arg-type]
    model.mask_seen = True
    value = ndcg_at_10(model, holdout, torch.device("cpu"))  # type: ignore[arg-type]
    assert value == pytest.approx((1 + second) / 2)


def test_training_mode_is_given_back(tiny_base: Path, vocabulary: Path) -> None:
    model: SkuLanguageModel = sku_model(build(tiny_base, vocabulary, Recipe(Training(), seed=1))).train()
    holdout = Holdout([ROW], [{1}], torch.ones(6, dtype=torch.bool), 100)
    ndcg_at_10(model, holdout, torch.device("cpu"))
    assert model.training
