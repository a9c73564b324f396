import numpy as np
import pytest
import torch
from architectures import build
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from rec_assets.heads.errors import HeadError
from rec_assets.heads.label_words import LabelWords, variants
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.states import encode, last_states
from rec_assets.heads.word_search import search_label_words


def test_labels_are_read_from_mappings_and_lists():
    assert LabelWords.of({"a": "x", "b": ["y", "z"]}).words == (("x",), ("y", "z"))
    assert LabelWords.of(["a", 3]).words == (("a",), ("3",))
    assert LabelWords.of(np.array(["a", "b"])).words == (("a",), ("b",))
    assert LabelWords.of({"a": "x"}).in_order(["b", "a"]).words == (("b",), ("x",))


def test_a_word_is_written_in_every_case_with_and_without_a_space():
    assert variants("T-shirt") == (" T-shirt", " t-shirt", "T-shirt", "t-shirt")
    assert variants("great") == (" great", " Great", "great", "Great")


@pytest.fixture(scope="module")
def byte_level():
    """As GPT-2, SmolLM2 and Qwen have it: a space belongs to the word after it."""
    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    plain.train_from_iterator(["it was great", "it was bad"] * 9, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=plain, bos_token="<s>", eos_token="</s>")


def test_a_word_of_one_token_is_not_spelt_out_and_a_longer_one_is(byte_level):
    great, fine = LabelWords.of({"a": "great", "b": "fine"}).sequences(byte_level)
    assert (byte_level.convert_tokens_to_ids("Ġgreat"),) in great
    assert all(len(sequence) == 1 for sequence in great)
    assert len(fine) == 4
    assert all(len(sequence) > 1 for sequence in fine)
    assert {byte_level.decode(sequence) for sequence in fine} == {" fine", " Fine", "fine", "Fine"}


def test_sequences_are_each_labels_own(tokenizer):
    own, other = LabelWords.of({"a": ["black", "red"], "b": ["red", "white"]}).sequences(tokenizer)
    red = tuple(tokenizer.encode("red", add_special_tokens=False))
    assert red not in own
    assert red not in other
    assert tuple(tokenizer.encode("black", add_special_tokens=False)) in own
    assert own == tuple(sorted(own))


def test_words_of_no_label_are_refused():
    with pytest.raises(HeadError, match="words for 'Coat', which is no label"):
        LabelWords.of({"Coat": "coat"}).in_order(["Coats", "Belts"])


def test_a_sequence_that_begins_another_is_ended_and_no_other_is(byte_level):
    words = LabelWords.of({"a": "fine", "b": "fine fit", "c": "great"})
    fine, fit, great = words.sequences(byte_level, ended=True)
    plain = words.sequences(byte_level)
    ends = {
        tuple(byte_level.encode("\n")[-1:]),
        tuple(byte_level.encode("\n\n")[-1:]),
        (byte_level.eos_token_id,),
    }
    assert (fit, great) == plain[1:]
    followed = {one for one in plain[0] if any(other[: len(one)] == one for other in fit)}
    assert followed
    assert set(fine) == {one + end for one in followed for end in ends} | (set(plain[0]) - followed)


def test_words_of_one_label_are_not_ended(byte_level):
    words = LabelWords.of({"a": ["fine", "fine fit"], "c": "great"})
    assert words.sequences(byte_level, ended=True) == words.sequences(byte_level)


def test_where_nothing_ends_an_answer_both_labels_are_named():
    class Bare:
        eos_token_id = unk_token_id = None

        def encode(self, text, **_):
            return [len(word) for word in text.split()]

    words = LabelWords.of(["red", "red dress"])
    with pytest.raises(HeadError, match="'red' begin those of 'red dress'"):
        words.sequences(Bare(), ended=True)
    assert words.sequences(Bare())  # as the mean scores them


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["a", "a"], "twice"),
        ({"a": []}, "no word"),
        ({"a": [" "]}, "no word"),
        ("Coats", "One text, 'Coats'"),
    ],
)
def test_labels_that_cannot_be_told_are_refused(labels, words):
    with pytest.raises(HeadError, match=words):
        LabelWords.of(labels)


def test_search_finds_the_token_that_was_made_to_tell(model, tokenizer):
    """States are built so that the head prefers one colour for each label."""
    language = LanguageModel(model, tokenizer)
    telling = {word: tokenizer.encode(word, add_special_tokens=False) for word in ("black", "white", "green")}
    assert all(len(ids) == 1 for ids in telling.values())
    rows = model.lm_head.weight.detach()
    targets = np.arange(30) % 3
    noise = torch.randn(30, 32, generator=torch.Generator().manual_seed(3))
    states = (
        torch.stack([rows[ids[0]] / rows[ids[0]].norm() for ids in telling.values()])[targets] * 20 + noise
    )
    found = search_label_words(language, states, targets, ["a", "b", "c"], words=1)
    assert found.words == (("black",), ("white",), ("green",))


def test_search_needs_two_labels_with_texts(model, tokenizer):
    language = LanguageModel(model, tokenizer)
    states = last_states(model, [encode(tokenizer, "{text}", "black")] * 2)
    with pytest.raises(HeadError, match="comparing labels"):
        search_label_words(language, states, np.array([0, 0]), ["a", "b"])


def test_a_decoder_alone_has_no_vocabulary():
    with pytest.raises(HeadError, match="trimmed one"):
        _ = LanguageModel(build("llama").model, None).vocabulary


def test_the_partition_is_the_whole_heads(model, tokenizer):
    states = torch.randn(5, 32)
    language = LanguageModel(model, tokenizer)
    logits = model.lm_head(states)
    torch.testing.assert_close(language.log_partition(states), logits.logsumexp(-1))
    tokens = torch.tensor([1, 2, 3, 4, 5])
    expected = logits.log_softmax(-1)[range(5), tokens]
    torch.testing.assert_close(language.log_probabilities(states, tokens), expected)
