"""Label words found by search, whatever the tokenizer and the head are."""

import bitsandbytes as bnb
import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from rec_assets.backbone.quantise import keep_layout
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.word_search import _whole_word, search_label_words


@pytest.fixture
def legacy():
    """As Llama 2's: a space goes before every text, and a second one is a token of its own."""
    pieces = ["<unk>", "<s>", "</s>", "▁", "▁great", "great", "ness", "▁awful"]
    plain = Tokenizer(models.Unigram([(piece, -1.0 - i / 9) for i, piece in enumerate(pieces)], unk_id=0))
    plain.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    plain.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(content=" ", left=1, right=0)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=plain, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )


def test_a_legacy_sentencepiece_word_is_whole_and_its_parts_are_not(legacy):
    assert legacy.tokenize(" great") == ["▁", "▁great"]
    told = {piece: _whole_word(legacy, legacy.convert_tokens_to_ids(piece)) for piece in legacy.get_vocab()}
    assert {piece: word for piece, word in told.items() if word} == {"▁great": "great", "▁awful": "awful"}


def test_a_part_of_a_word_is_none_although_it_is_one_token_alone():
    """Byte-level: the token "ism" writes itself at a text's start, where no space is added."""
    vocabulary = {"<s>": 0, "Ġ": 1, "i": 2, "s": 3, "m": 4, "is": 5, "ism": 6, "Ġi": 7, "Ġis": 8, "Ġism": 9}
    merges = [("Ġ", "i"), ("Ġi", "s"), ("i", "s"), ("is", "m")]
    plain = Tokenizer(models.BPE(vocabulary, merges))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, bos_token="<s>")
    assert tokenizer.encode("ism", add_special_tokens=False) == [6]
    assert _whole_word(tokenizer, 6) is None


def test_a_four_bit_head_is_searched(model, tokenizer):
    head = model.lm_head
    telling = {word: tokenizer.encode(word, add_special_tokens=False)[0] for word in ("black", "white")}
    rows = torch.stack([head.weight[token] / head.weight[token].norm() for token in telling.values()])
    stored = bnb.nn.Linear4bit(
        32, head.out_features, bias=False, quant_type="nf4", compute_dtype=torch.float32
    )
    keep_layout(stored)
    stored.weight = bnb.nn.Params4bit(head.weight.data.clone(), requires_grad=False, quant_type="nf4")
    model.lm_head = stored.to("cpu")
    language = LanguageModel(model, tokenizer)
    assert language.vocabulary == len(tokenizer)
    targets = np.arange(20) % 2
    noise = torch.randn(20, 32, generator=torch.Generator().manual_seed(3))
    states = rows[targets].detach() * 20 + noise
    found = search_label_words(language, states, targets, ["a", "b"], words=1)
    assert found.words == (("black",), ("white",))
