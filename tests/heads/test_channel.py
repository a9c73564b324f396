import numpy as np
import torch
from architectures import build
from scipy.special import log_softmax
from spelt import Spelt

from rec_assets.heads.channel import ChannelScorer
from rec_assets.heads.language_model import LanguageModel


def text_given(model, beginning, text):
    logits = model(torch.tensor([[*beginning, *text]])).logits[0].log_softmax(dim=-1)
    return sum(float(logits[len(beginning) - 1 + i, token]) for i, token in enumerate(text))


@torch.no_grad()
def test_a_label_scores_as_the_text_after_its_words_and_ways_are_averaged():
    model = build("llama")
    scorer = ChannelScorer(LanguageModel(model, Spelt()), [["5 9", "11"], ["20"]])
    texts = [[7, 8, 9], [30], [40, 41, 42]]
    ways = [[[1, 5, 9], [1, 11]], [[1, 20]]]
    expected = [
        [np.log(np.mean([np.exp(text_given(model, way, text)) for way in own])) for own in ways]
        for text in texts
    ]
    found = scorer.scores([" ".join(map(str, text)) for text in texts])
    np.testing.assert_allclose(found, log_softmax(expected, axis=1), rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_demonstrations_come_first():
    model = build("llama")
    scorer = ChannelScorer(LanguageModel(model, Spelt()), [["5"], ["20"]], demonstrations=[1, 33, 34])
    expected = [[text_given(model, [1, 33, 34, label], [7, 8]) for label in (5, 20)]]
    np.testing.assert_allclose(scorer.scores(["7 8"]), log_softmax(expected, axis=1), rtol=1e-3, atol=1e-4)


def test_special_tokens_are_read_in_a_beginning_and_not_in_a_text(model, tokenizer):
    scorer = ChannelScorer(LanguageModel(model, tokenizer), [["</s>red"], ["green"]])
    red = tokenizer.encode("red", add_special_tokens=False)
    assert scorer.prefixes[0][0].tokens == (tokenizer.eos_token_id, *red)
    assert scorer.prefixes[1][0].tokens[0] == tokenizer.bos_token_id
    assert tokenizer.eos_token_id not in scorer.rows(["black </s> belts"])[0]


def test_a_text_of_no_tokens_says_nothing():
    scorer = ChannelScorer(LanguageModel(build("llama"), Spelt()), [["5"], ["20"]])
    np.testing.assert_allclose(np.exp(scorer.scores([""])), 0.5)
