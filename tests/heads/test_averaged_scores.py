import numpy as np
import pytest
import torch

from rec_assets.heads.averaged_scores import AveragedScorer, with_frozen_head
from rec_assets.heads.fine_tune_settings import FineTuneSettings
from rec_assets.heads.label_head import LabelHead
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.state_scores import StateScorer

LABELS = ("Belts", "Coats", "Trousers")


@pytest.fixture
def tuned(model, tokenizer):
    """Label words' rows, untrained: what they answer is far from what a regression learns."""
    head = LabelHead.from_label_words(model, tokenizer, LABELS, "{text} This garment is a")
    return StateScorer(LanguageModel(model, tokenizer), head)


@pytest.fixture
def examples(articles):
    rows = articles.iloc[:90]
    return rows["title"].tolist(), np.searchsorted(LABELS, rows["category"])


def made(tuned, examples, **settings):
    return with_frozen_head(tuned, *examples, FineTuneSettings(frozen_head=True, **settings))


@pytest.mark.parametrize("layer", [0, 1])
def test_scores_are_the_normalised_mean_of_both_heads(tuned, examples, layer):
    both = made(tuned, examples, frozen_layers=layer)
    assert isinstance(both, AveragedScorer)
    below = StateScorer(both.language, both.frozen, layer=layer, pooling="mean")
    texts, targets = examples
    mean = (tuned.scores(texts) + below.scores(texts)) / 2
    expected = mean - np.log(np.exp(mean).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(both.scores(texts), expected, atol=1e-4)
    assert (below.scores(texts).argmax(axis=1) == targets).mean() > 0.95
    assert (tuned.scores(texts).argmax(axis=1) == targets).mean() < 0.6


def test_gradients_are_of_the_same_scores(tuned, examples):
    both = made(tuned, examples, frozen_layers=1)
    text = examples[0][0]
    ids = torch.tensor(both.rows([text]))
    embedded = both.language.decoder.get_input_embeddings()(ids).detach().requires_grad_(True)
    scores = both.differentiable_scores(inputs_embeds=embedded)
    np.testing.assert_allclose(scores.detach().numpy(), both.scores([text]), atol=1e-4)
    (slope,) = torch.autograd.grad(scores[0, 0], embedded)
    assert slope.abs().sum() > 0


def test_a_label_without_a_text_is_not_the_answer(tuned, examples):
    texts, targets = examples
    kept = targets != 1
    seen = [text for text, keep in zip(texts, kept, strict=True) if keep]
    both = made(tuned, (seen, targets[kept]))
    assert not (both.scores(texts).argmax(axis=1) == 1).any()


def test_unasked_the_fine_tuned_head_answers_alone(tuned, examples):
    assert with_frozen_head(tuned, *examples, FineTuneSettings(frozen_layers=1)) is tuned
