import numpy as np
import pytest
import torch

from rec_assets.heads.averaged_scores import add_regression
from rec_assets.heads.errors import HeadError
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


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_scores_are_the_normalised_mean_of_both_heads(tuned, examples, layer):
    texts, targets = examples
    both = add_regression(tuned, texts, targets, layer=layer, seed=3)
    place = None if layer == 2 else layer
    below = StateScorer(both.language, both.regression, layer=place, pooling="mean")
    mean = (tuned.scores(texts) + below.scores(texts)) / 2
    expected = mean - np.log(np.exp(mean).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(both.scores(texts), expected, atol=1e-4)
    assert (below.scores(texts).argmax(axis=1) == targets).mean() > 0.95
    assert (tuned.scores(texts).argmax(axis=1) == targets).mean() < 0.6


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_gradients_go_through_both_heads(tuned, examples, layer):
    """Scaling the embeddings by 1 + e moves a score by e times the sum of gradient times embedding."""
    texts, targets = examples
    both = add_regression(tuned, texts, targets, layer=layer, seed=3)
    ids = torch.tensor(both.rows(texts[:1]))
    embedded = both.language.decoder.get_input_embeddings()(ids).detach().requires_grad_(True)
    scores = both.differentiable_scores(inputs_embeds=embedded)
    np.testing.assert_allclose(scores.detach().numpy(), both.scores(texts[:1]), atol=1e-4)
    (slope,) = torch.autograd.grad(scores[0, 0], embedded)
    with torch.no_grad():
        up, down = (
            both.differentiable_scores(inputs_embeds=embedded * scale)[0, 0] for scale in (1.001, 0.999)
        )
    moved = float((slope * embedded.detach()).sum())
    assert moved == pytest.approx(float(up - down) / 0.002, rel=0.02, abs=1e-3)


def test_a_label_without_a_text_is_not_the_answer(tuned, examples):
    texts, targets = examples
    kept = targets != 1
    seen = [text for text, keep in zip(texts, kept, strict=True) if keep]
    assert (tuned.scores(texts).argmax(axis=1) == 1).any()
    both = add_regression(tuned, seen, targets[kept], layer=0, seed=3)
    assert not (both.scores(texts).argmax(axis=1) == 1).any()


def test_a_layer_that_is_not_there_is_refused(tuned, examples):
    with pytest.raises(HeadError, match="no layer 3 of 2"):
        add_regression(tuned, *examples, layer=3, seed=3)
