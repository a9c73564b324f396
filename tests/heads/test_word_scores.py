import numpy as np
import pytest
import torch
from architectures import CONFIGS, EXPERTS, VOCABULARY, build
from spelt import Spelt

from rec_assets.heads.errors import HeadError
from rec_assets.heads.label_words import LabelWords
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.prefix import read_prefix
from rec_assets.heads.trie import Trie, read_trees
from rec_assets.heads.word_scores import WordScorer

# Shared beginnings of several depths, a sequence that begins another, one of a single token.
SEQUENCES = [(5, 9, 11), (5, 9, 12), (5, 14), (5, 9), (20,), (21, 5, 9, 11)]


def tokens(seed, length):
    return torch.randint(3, VOCABULARY, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def log_probability(model, row, sequence):
    """Read the prompt and the sequence alone, with the whole head."""
    logits = model(torch.tensor([[*row, *sequence]])).logits[0].log_softmax(dim=-1)
    return sum(float(logits[len(row) - 1 + i, token]) for i, token in enumerate(sequence))


def test_a_trie_shares_beginnings_and_keeps_every_step():
    trie = Trie.of(SEQUENCES)
    assert trie.tokens == (5, 21, 9, 5, 9)
    assert trie.parents == (0, 0, 1, 2, 4)
    assert trie.depths == (1, 1, 2, 2, 3)
    assert trie.steps == ((0, 1, 3), (0, 1, 3), (0, 1), (0, 1), (0,), (0, 2, 4, 5))
    assert trie.children == ((5, 20, 21), (9, 14), (5,), (11, 12), (9,), (11,))
    assert trie.ancestry().int().tolist()[4] == [0, 1, 0, 1, 1]


@pytest.mark.parametrize("name", sorted(CONFIGS | EXPERTS))
@torch.no_grad()
def test_one_pass_scores_every_sequence_as_reading_it_alone_does(name):
    model = build(name)
    rows = [tokens(seed, length) for seed, length in ((1, 6), (2, 4), (3, 6))]
    scorer = WordScorer(
        LanguageModel(model, Spelt()), "{text}", tuple((one,) for one in SEQUENCES), multi_token="sequence"
    )
    texts = [" ".join(map(str, row)) for row in rows]
    expected = torch.tensor(
        [[log_probability(model, [1, *row], sequence) for sequence in SEQUENCES] for row in rows]
    )
    np.testing.assert_allclose(scorer.scores(texts), expected.log_softmax(-1), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", sorted(CONFIGS | EXPERTS))
@torch.no_grad()
def test_a_prefix_read_once_changes_nothing_but_the_work(name):
    language = LanguageModel(build(name), Spelt())
    trie, rows = Trie.of(SEQUENCES), [tokens(seed, 5) for seed in (4, 5)]
    start = [1, *tokens(9, 6)]
    ((_, whole),) = read_trees(language, [[*start, *row] for row in rows], trie)
    prefix = read_prefix(language, start)
    ((_, split),) = read_trees(language, rows, trie, prefix)
    torch.testing.assert_close(split, whole, rtol=1e-3, atol=1e-4)
    ((_, again),) = read_trees(language, rows, trie, prefix)
    assert torch.equal(again, split)  # the prefix was not added to


@torch.no_grad()
def test_a_sliding_window_holds_in_the_tree_too():
    model = build("gemma3")
    model.config.sliding_window = 4
    for layer in model.model.layers:
        if layer.self_attn.sliding_window is not None:
            layer.self_attn.sliding_window = 4
    row = [1, *tokens(1, 9)]
    scorer = WordScorer(LanguageModel(model, Spelt()), "{text}", tuple((one,) for one in SEQUENCES))
    expected = torch.tensor([[log_probability(model, row, sequence) for sequence in SEQUENCES]])
    found = scorer.scores([" ".join(map(str, row[1:]))])
    np.testing.assert_allclose(found, expected.log_softmax(-1), rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_mean_divides_by_the_length():
    model, row = build("llama"), [1, *tokens(1, 6)]
    scorer = WordScorer(
        LanguageModel(model, Spelt()), "{text}", tuple((one,) for one in SEQUENCES), multi_token="mean"
    )
    expected = torch.tensor([[log_probability(model, row, one) / len(one) for one in SEQUENCES]])
    found = scorer.scores([" ".join(map(str, row[1:]))])
    np.testing.assert_allclose(found, expected.log_softmax(-1), rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_trie_scores_each_token_among_those_that_may_follow():
    model, row = build("llama"), [1, *tokens(1, 6)]
    sequences = [(5, 9), (5, 14), (20,)]
    scorer = WordScorer(
        LanguageModel(model, Spelt()), "{text}", tuple((one,) for one in sequences), multi_token="trie"
    )
    root = model(torch.tensor([row])).logits[0, -1, [5, 20]].log_softmax(-1)
    inner = model(torch.tensor([[*row, 5]])).logits[0, -1, [9, 14]].log_softmax(-1)
    expected = torch.stack([root[0] + inner[0], root[0] + inner[1], root[1]])
    found = scorer.scores([" ".join(map(str, row[1:]))])[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert np.exp(found).sum() == pytest.approx(1)
    assert not scorer.needs_vocabulary


@torch.no_grad()
def test_variants_of_a_label_are_summed():
    model, row = build("llama"), [1, *tokens(1, 6)]
    probabilities = model(torch.tensor([row])).logits[0, -1].softmax(-1)
    scorer = WordScorer(LanguageModel(model, Spelt()), "{text}", (((5,), (9,)), ((20,),)))
    expected = torch.stack([probabilities[5] + probabilities[9], probabilities[20]])
    found = np.exp(scorer.scores([" ".join(map(str, row[1:]))])[0])
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-4)
    assert not scorer.needs_vocabulary  # one-token words need the trimmed decoder alone


@pytest.mark.parametrize("multi_token", ["sequence", "trie"])
@torch.no_grad()
def test_a_label_that_begins_another_is_scored_with_its_end(multi_token):
    model, row = build("llama"), [1, *tokens(1, 6)]
    language = LanguageModel(model, Spelt())
    words = LabelWords.of({"short": "5 9", "long": "5 9 11", "other": "20"})
    sequences = words.sequences(language.tokenizer, ended=True)
    assert sequences == (((5, 9, 2),), ((5, 9, 11),), ((20,),))  # 2 ends a text
    scorer = WordScorer(language, "{text}", sequences, multi_token=multi_token)
    found = scorer.scores([" ".join(map(str, row[1:]))])[0]
    inner = model(torch.tensor([[*row, 5, 9]])).logits[0, -1].log_softmax(-1)
    assert found[0] - found[1] == pytest.approx(float(inner[2] - inner[11]), rel=1e-3)
    assert found[0] != found[1]


def test_an_unknown_way_to_score_several_tokens_is_refused():
    with pytest.raises(HeadError, match="no multi_token 'tree'") as caught:
        WordScorer(LanguageModel(build("llama"), Spelt()), "{text}", (((5,),), ((9,),)), multi_token="tree")
    assert "sequence, mean, trie" in caught.value.cure


def test_gradients_are_refused_for_words_of_several_tokens():
    scorer = WordScorer(LanguageModel(build("llama"), Spelt()), "{text}", tuple((one,) for one in SEQUENCES))
    with pytest.raises(HeadError, match="leave_one_out"):
        scorer.differentiable_scores(inputs_embeds=torch.zeros(1, 3, 32))
