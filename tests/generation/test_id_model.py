"""The model of id tokens: built like the recommender, it learns words and answers with real SKUs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from rec_assets.files import read_table
from rec_assets.generation.chains import Sampling
from rec_assets.generation.digits import DigitTokens
from rec_assets.generation.id_model import IdLanguageModel
from rec_assets.generation.id_rows import with_item_tokens
from rec_assets.generation.id_vocabulary import co_purchase_starts, start_vectors, write_id_vocabulary
from rec_assets.generation.item_tokens import ItemTokens, SkuTokens
from rec_assets.params import ItemVectors, SkuBranches, Training
from rec_assets.recommender.batches import collate
from rec_assets.recommender.build import Recipe, build, sku_model
from rec_assets.recommender.storage import save_recommender, trained_tensors
from rec_assets.vocabulary.token_rows import TokenRow

WORDS = 51
RECIPE = Recipe(
    Training(
        method="full",
        dropout=0.0,
        gate=None,
        item_vectors=ItemVectors(id_dropout=0.0),
        sku_branches=SkuBranches(copies=0),
    ),
    seed=1,
)
PURCHASES = ([5, 0, 3, 1], [1, 3, 0, 5])  # each follows a path of its own from the start token


def rows(tokens: ItemTokens, *, asked: int | None = None) -> list[TokenRow]:
    made = []
    for header, skus in enumerate(PURCHASES, start=20):
        read = skus if asked is None else skus[:asked]
        targets = [-100, *read, -100] if asked is None else [-100] * (len(read) + 2)
        ids = [1, header, *(WORDS + sku for sku in read)]
        made.append(TokenRow(np.array(ids), np.array(targets)))
    return with_item_tokens(made, WORDS, tokens)


@pytest.fixture
def digits() -> DigitTokens:
    return DigitTokens(6, group=1, length=2)


@pytest.fixture
def trained(digits: DigitTokens, tiny_base: Path, vocabulary: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A recommender over digits that has learnt the two paths by heart, and its vocabulary."""
    words, folder = tmp_path / "digits", tmp_path / "trained"
    write_id_vocabulary(digits, vocabulary, tiny_base, words)
    model = build(tiny_base, words, RECIPE).train()
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.01)
    batch = collate(rows(digits))
    for _ in range(1000):  # how many it takes depends on the processor's last digits
        optimiser.zero_grad()
        loss = model(**batch).loss
        if loss.item() < 0.05:
            break
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.05
    folder.mkdir()
    counts = torch.from_numpy(read_table(words / "registry.parquet")["train_purchases"].to_numpy(copy=True))
    save_recommender(trained_tensors(model), RECIPE, counts, folder)
    return folder, words


def test_it_learns_to_write_skus(trained: tuple[Path, Path], digits: DigitTokens, tiny_base: Path) -> None:
    model = IdLanguageModel.load(trained[0], tiny_base, trained[1])
    assert (model.tokens.scheme, model.tokens.size) == ("digits", 20)
    for asked in range(3):
        tops = sorted(model.top(rows(digits, asked=asked), k=3, beams=6), key=lambda top: top.place)
        assert [int(top.skus[0]) for top in tops] == [skus[asked] for skus in PURCHASES]
        assert all(len(top.skus) == 3 for top in tops)
    (chains,) = model.chains(rows(digits, asked=1)[:1], Sampling(2, 3, temperature=0.1), seed=0)
    assert chains.tolist() == [PURCHASES[0][1:]] * 2


def test_masked_and_retired_skus_do_not_come_out(
    trained: tuple[Path, Path], digits: DigitTokens, tiny_base: Path
) -> None:
    allowed = np.array([True, True, False, True, True, True])
    model = IdLanguageModel.load(trained[0], tiny_base, trained[1], allowed)
    masked = [np.array([5, 0]), np.array([], dtype=np.int64)]
    tops = {top.place: top.skus.tolist() for top in model.top(rows(digits, asked=0), 6, 6, masked)}
    assert sorted(tops[0]) == [1, 3, 4]
    assert sorted(tops[1]) == [0, 1, 3, 4, 5]


def test_one_token_a_sku_ranks_as_one_pass_does(tiny_base: Path, vocabulary: Path) -> None:
    inner = sku_model(build(tiny_base, vocabulary, RECIPE)).eval()
    model = IdLanguageModel(inner, SkuTokens(6))
    asked = rows(SkuTokens(6), asked=2)
    states = inner.last_states(collate(asked)["input_ids"], torch.tensor([3, 3]))
    expected = (states @ inner.head().T).topk(4).indices
    for top in model.top(asked, k=4, beams=4):
        assert top.skus.tolist() == expected[top.place].tolist()


def test_only_tokens_of_the_place_have_a_share(
    trained: tuple[Path, Path], digits: DigitTokens, tiny_base: Path
) -> None:
    """The words of all SKUs together have probability one."""
    model = IdLanguageModel.load(trained[0], tiny_base, trained[1])
    for top in model.top(rows(digits, asked=1), k=6, beams=6):
        assert len(top.skus) == 6
        assert np.exp(top.scores).sum() == pytest.approx(1.0, abs=1e-3)


def test_tokens_start_from_what_their_skus_are_bought_with(digits: DigitTokens) -> None:
    sold = np.array([True, True, False, True, False, False])
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]], dtype=np.float32)  # of SKUs 0, 1 and 3
    starts = co_purchase_starts(digits, sold, vectors)
    # Tokens 0 (tens) and 10, 11, 13 (units) were sold.
    np.testing.assert_allclose(starts, [[1, 0], [1, 0], [0, 1], [0, -1]], atol=1e-6)


def test_tokens_start_from_the_titles_that_hold_them(
    digits: DigitTokens, vocabulary: Path, tiny_base: Path, tmp_path: Path
) -> None:
    titles = load_file(vocabulary / "item_titles.safetensors")["titles"]
    vectors = start_vectors(digits, titles)
    usual = np.sqrt((titles**2).sum(1).mean())
    np.testing.assert_allclose(np.linalg.norm(vectors[[0, *range(10, 16)]], axis=1), usual, rtol=1e-5)
    np.testing.assert_allclose(vectors[12], titles[2] * usual / np.linalg.norm(titles[2]), rtol=1e-5)
    assert not vectors[[1, 9, 16]].any()
    write_id_vocabulary(digits, vocabulary, tiny_base, tmp_path / "digits")
    sold = read_table(tmp_path / "digits" / "registry.parquet")["train_purchases"]
    assert sold[0] == 9 + 4 + 1 + 25
    assert sold[10:16].tolist() == [9, 4, 0, 1, 0, 25]
