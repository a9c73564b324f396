"""Every variant is measured, and variants answer alike."""

import numpy as np
import torch
from architectures import build
from classification.judge import speed
from classification.speed import VocabularyModel, made_up_texts, make_variant, measure
from classification.variants import VARIANTS

from rec_assets.heads.head_trainer import labelled_row
from rec_assets.recommender.batches import collate


def test_the_untrimmed_model_answers_the_same_at_every_position_or_the_last():
    model, words = build("llama"), torch.tensor([5, 9])
    batch = collate([labelled_row([1, 4, 6, 8], 0), labelled_row([1, 3], 1)])
    every, last = (VocabularyModel(model, words, last)(**batch) for last in (False, True))
    torch.testing.assert_close(every.logits, last.logits)
    torch.testing.assert_close(every.loss, last.loss)
    expected = model(torch.tensor([[1, 3]])).logits[0, -1, words]
    torch.testing.assert_close(every.logits[1], expected)


def test_speed_asks_for_one_text_and_for_many():
    asked = []
    told = speed(lambda texts: asked.append(len(texts)), made_up_texts(50))
    assert asked == [2, *[1] * 20, 50]
    assert told["texts_per_second"] > 0
    assert made_up_texts(3) == made_up_texts(50)[:3]


def test_every_variant_is_measured(garments, tmp_path):
    told = {variant: measure("smollm2", None, variant, tmp_path) for variant in VARIANTS}
    for figures in told.values():
        assert figures["texts_per_second"] > 0
        assert figures["train_samples_per_second"] > 0
        assert figures["number_format"] == "float32"  # as the tests compute
    assert told["trimmed"]["tokens_a_text"] == told["untrimmed"]["tokens_a_text"]


def test_variants_give_the_same_probabilities_whatever_is_asked_together(garments, monkeypatch):
    monkeypatch.setattr("classification.speed.LABELS", ("red", "white", "black", "soft"))
    texts = [f"{text} {'in ' * (i % 3)}" for i, text in enumerate(garments.texts[:8])]
    told = {}
    for name in VARIANTS:
        torch.manual_seed(0)  # the sequence classifier's new head
        answer = make_variant("smollm2", None, name).answer
        told[name] = answer(texts)
        assert told[name].shape == (8, 4)
        np.testing.assert_allclose(told[name].sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(np.concatenate([answer([one]) for one in texts]), told[name], rtol=1e-4)
    assert np.ptp(told["trimmed"], axis=0).max() > 1e-3  # they do depend on the text
    for name in ("untrimmed", "untrimmed_last_position"):
        np.testing.assert_allclose(told[name], told["trimmed"], rtol=1e-4)
