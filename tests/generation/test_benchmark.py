"""Parts of the benchmark of item tokens: its figures, its count of products, and the stock way to rank."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from rec_assets.files import read_table
from rec_assets.generation.digits import DigitTokens
from rec_assets.generation.id_rows import with_item_tokens
from rec_assets.generation.id_vocabulary import write_id_vocabulary
from rec_assets.params import Training
from rec_assets.recommender.build import Recipe, build
from rec_assets.recommender.last_token import last_token_alone
from rec_assets.recommender.storage import load_recommender, save_recommender, trained_tensors
from rec_assets.vocabulary.sku_tokens import extend_tokenizer
from rec_assets.vocabulary.token_rows import TokenRow
from rec_assets.workspace import Workspace

# The benchmarks are scripts: their folder is put on the path as Python does for a script.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from generating.judged import figures
from generating.peak import forward_flops, matmul_peak
from generating.stock import Stock

WORDS = 51
RECIPE = Recipe(Training(method="full", gate=None, fresh_layers=0), seed=1)


@pytest.fixture
def home(workspace: Workspace, tiny_base: Path, vocabulary: Path) -> Workspace:
    """An untrained recommender over six SKUs where the product looks for one."""
    from rec_assets.backbone.load import load_tokenizer

    workspace.base_model.parent.mkdir(parents=True)
    workspace.base_model.symlink_to(tiny_base)
    workspace.vocabulary.symlink_to(vocabulary)
    registry = read_table(vocabulary / "registry.parquet")
    extend_tokenizer(load_tokenizer(tiny_base), WORDS, registry).save_pretrained(vocabulary / "tokenizer")
    return saved(workspace)


def saved(home: Workspace) -> Workspace:
    registry = read_table(home.vocabulary / "registry.parquet")
    counts = torch.from_numpy(registry["train_purchases"].to_numpy(copy=True))
    home.recommender.mkdir(parents=True, exist_ok=True)
    trained = trained_tensors(build(home.base_model, home.vocabulary, RECIPE))
    save_recommender(trained, RECIPE, counts, home.recommender)
    return home


def questions() -> list[TokenRow]:
    rows = ([1, 20, WORDS + 3], [1, 21], [1, 22, WORDS + 1, WORDS + 5])
    return [TokenRow(np.array(ids), np.full(len(ids), -100)) for ids in rows]


def test_figures_checked_by_hand() -> None:
    lists = {0: ["x", "a"], 1: ["b", "c"], 3: ["d"]}
    found = figures(lists, [{"a"}, {"b", "z"}, {"c"}, {"d"}], "masked")
    assert found["recall@10/masked"] == pytest.approx((1 + 0.5 + 0 + 1) / 4)
    half = 1 / (1 + 1 / np.log2(3))
    assert found["ndcg@10/masked"] == pytest.approx((1 / np.log2(3) + half + 0 + 1) / 4)


def test_products_are_counted_as_torch_counts_them(home: Workspace) -> None:
    model = load_recommender(home.recommender, home.base_model, home.vocabulary)
    rows = [TokenRow(np.array([1, 20, 21, WORDS + 3, 22, WORDS + 1, WORDS]), np.full(7, -100))] * 3
    ids = torch.from_numpy(np.stack([row.ids for row in rows]))
    last = torch.tensor([6] * 3)
    with FlopCounterMode(display=False) as counter, torch.no_grad(), last_token_alone(model, ids, last):
        model.last_states(ids, last) @ model.head().T
    # torch counts attention as if it were not causal, and the projections of the titles behind the heads. Of
    # a row the layers, 2 of width 32, read 7 tokens; each of two branches, of 2 layers, reads 3 SKUs and
    # the start.
    wide = model.branches[0].items.projection.shape[0]
    twice = 2 * 4 * 32 * 7 * 7 * 3 + 2 * (2 * 4 * wide * 4 * 4 * 3)
    causal = 2 * 2 * 32 * 7 * 8 * 3 + 2 * (2 * 2 * wide * 4 * 5 * 3)
    titles = 2 * 6 * 32 * 32 + 2 * (2 * 6 * 32 * wide)
    rows_read = 2 * 3 * 32 * 32 + 2 * (2 * 3 * 32 * wide)  # titles behind the rows of the 3 SKUs that enter
    assert counter.get_total_flops() in (
        forward_flops(model, rows, 6) - causal + attention + titles + rows_read for attention in (twice, 0)
    )
    assert matmul_peak(torch.float32) > 0


def test_sampled_lists_hold_each_sku_once(home: Workspace) -> None:
    lists = Stock(home, WORDS, batch=2).sampled(questions(), 4, seed=1)
    assert lists.shape == (3, 4)
    for row in lists.tolist():
        real = [sku for sku in row if sku >= 0]
        assert real
        assert set(real) <= set(range(6))
        assert len(set(real)) == len(real)


def test_stock_beams_find_every_allowed_sku(home: Workspace, vocabulary: Path, tiny_base: Path) -> None:
    digits = DigitTokens(6, group=1, length=2)
    home.vocabulary.unlink()
    write_id_vocabulary(digits, vocabulary, tiny_base, home.vocabulary)
    rows = with_item_tokens(questions(), WORDS, digits)
    allowed = np.array([True, True, False, True, True, True])
    lists = Stock(saved(home), WORDS, batch=2).beams(rows, digits, allowed, beams=5)
    assert [sorted(row) for row in lists.tolist()] == [[0, 1, 3, 4, 5]] * 3
