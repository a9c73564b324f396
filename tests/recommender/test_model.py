from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from rec_assets.params import ItemVectors, SkuBranches, Training
from rec_assets.recommender.build import Recipe, build, sku_model
from rec_assets.recommender.model import SkuLanguageModel

WORDS = 51
QUIET = ItemVectors(id_dropout=0.0)
ALONE = SkuBranches(copies=0)


@pytest.fixture
def model(tiny_base: Path, vocabulary: Path) -> SkuLanguageModel:
    settings = Training(method="full", dropout=0.0, item_vectors=QUIET, sku_branches=ALONE)
    return sku_model(build(tiny_base, vocabulary, Recipe(settings, seed=1)))


def test_rows_of_words_and_skus(model: SkuLanguageModel) -> None:
    rows = model.embed(torch.tensor([[1, WORDS + 5, 3, WORDS + 2, WORDS + 5]]))
    embeddings = model.get_input_embeddings().weight
    torch.testing.assert_close(rows[0, [0, 2]], embeddings[[1, 3]])
    torch.testing.assert_close(rows[0, [1, 3, 4]], model.items(torch.tensor([5, 2, 5])))


def test_the_loss_is_cross_entropy_over_sold_skus(model: SkuLanguageModel) -> None:
    ids = torch.tensor([[1, WORDS, WORDS + 5], [1, WORDS + 3, 0]])
    targets = torch.tensor([[-100, 5, -100], [3, -100, -100]])
    states = torch.stack([model.hidden(ids[:1])[0, 1], model.hidden(ids[1:])[0, 0]])
    sold = torch.tensor([0, 1, 3, 5])
    logits = states @ model.items.head(model.items(sold)).T
    expected = F.cross_entropy(logits, torch.tensor([3, 2]))
    torch.testing.assert_close(model(ids, targets).loss, expected)


def test_each_branch_has_a_loss_of_its_own_and_an_equal_say(tiny_base: Path, vocabulary: Path) -> None:
    quiet = SkuBranches(copies=2, width=8, heads=2, dropout=0.0)
    settings = Training(method="full", dropout=0.0, item_vectors=QUIET, sku_branches=quiet)
    model = sku_model(build(tiny_base, vocabulary, Recipe(settings, seed=1)))
    ids, targets = torch.tensor([[1, WORDS, 2, WORDS + 5]]), torch.tensor([[-100, -100, 5, -100]])
    sold, every = torch.tensor([0, 1, 3, 5]), torch.arange(6)
    states = [model.hidden(ids)[0], *(branch(ids, WORDS)[0] for branch in model.branches)]
    assert not torch.equal(states[1], states[2])  # each from a start of its own
    losses = [
        F.cross_entropy(own[2] @ items.head(items(sold)).T, torch.tensor(3))
        for own, items in zip(states, model.tables, strict=True)
    ]
    torch.testing.assert_close(model(ids, targets).loss, sum(losses))
    scores = model.last_states(ids, torch.tensor([3])) @ model.head().T
    parts = [own[3] @ items.head(items(every)).T for own, items in zip(states, model.tables, strict=True)]
    torch.testing.assert_close(scores[0], sum(parts) / 3)


def test_both_attentions_that_train_give_one_loss(tiny_base: Path, vocabulary: Path) -> None:
    branches = SkuBranches(copies=2, width=8, heads=2, dropout=0.0)
    ids = torch.tensor([[1, WORDS, 2, WORDS + 5], [1, WORDS + 3, 0, 0]])
    targets = torch.tensor([[-100, 3, -100, 5], [5, 1, -100, -100]])
    losses = []
    for attention in ("eager", "sdpa"):
        settings = Training(
            method="full", dropout=0.0, attention=attention, item_vectors=QUIET, sku_branches=branches
        )
        model = sku_model(build(tiny_base, vocabulary, Recipe(settings, seed=1)))
        used = {part.config._attn_implementation for part in (model.decoder, model.branches[0].decoder)}
        assert used == {attention}
        losses.append(model(ids, targets).loss)
    torch.testing.assert_close(*losses)


def test_what_was_bought_can_be_left_out_of_the_softmax(model: SkuLanguageModel) -> None:
    ids = torch.tensor([[1, WORDS, WORDS + 5, WORDS + 1], [1, WORDS + 3, WORDS + 3, 0]])
    targets = torch.tensor([[-100, 5, 1, -100], [3, -100, 3, -100]])
    states = model.hidden(ids)
    head = model.items.head(model.items(torch.tensor([0, 1, 3, 5])))
    # 0 1 3 5 at each place, less what was bought up to it; an answer that repeats a purchase stays.
    rest = {(0, 1): [1, 2, 3], (0, 2): [1, 2], (1, 0): [0, 1, 2, 3], (1, 2): [0, 1, 2, 3]}
    answers = {(0, 1): 3, (0, 2): 1, (1, 0): 2, (1, 2): 2}
    losses = [
        F.cross_entropy(states[place] @ head[columns].T, torch.tensor(columns.index(answers[place])))
        for place, columns in rest.items()
    ]
    model.mask_seen = True
    torch.testing.assert_close(model(ids, targets).loss, torch.stack(losses).mean())


def test_padding_changes_nothing_before_it(model: SkuLanguageModel) -> None:
    short = model.hidden(torch.tensor([[1, WORDS, WORDS + 5]]))
    padded = model.hidden(torch.tensor([[1, WORDS, WORDS + 5, 0, 0]]))
    torch.testing.assert_close(padded[:, :3], short)


def test_last_states_skip_the_padding(model: SkuLanguageModel) -> None:
    ids = torch.tensor([[1, WORDS, WORDS + 5], [1, 0, 0]])
    states = model.last_states(ids, torch.tensor([2, 0]))
    torch.testing.assert_close(states[1], model.hidden(torch.tensor([[1]]))[0, 0])


def test_sampled_softmax_estimates_the_whole_one(model: SkuLanguageModel) -> None:
    ids, targets = torch.tensor([[1, WORDS]]), torch.tensor([[-100, 5]])
    states = model.hidden(ids)[0, 1].detach()
    exact = (states @ model.items.head(model.items(torch.tensor([0, 1, 3, 5]))).T).exp()  # (4,)
    model.candidates = 2
    torch.manual_seed(0)
    sampled = torch.tensor([model(ids, targets).loss.item() for _ in range(2000)])
    # Each sum stands for the whole one: on average the target's exp(logit) times exp(loss) is that sum.
    assert float((exact[3] * sampled.exp()).mean().detach()) == pytest.approx(
        float(exact.sum().detach()), rel=0.03
    )
    assert sampled.std() > 0


def test_only_what_should_train_trains(tiny_base: Path, vocabulary: Path) -> None:
    recipe = Recipe(Training(method="lora", fresh_layers=1), seed=1)
    wrapped = build(tiny_base, vocabulary, recipe)
    trained = {name for name, parameter in wrapped.named_parameters() if parameter.requires_grad}
    assert all(
        any(part in name for part in ("lora_", "_gate", "items", "branch", ".norm.", "layers.2."))
        for name in trained
    )
    assert any("layers.2.mlp" in name for name in trained)
    adapted = {name for name in trained if "lora_" in name}
    assert adapted
    assert not any("branch" in name for name in adapted)  # its layers are named like the pretrained ones
    assert not any("embed_tokens" in name for name in trained)
    assert not any("layers.2" in name and "_gate" in name for name in trained)
