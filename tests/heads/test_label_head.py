import pytest
import torch

from rec_assets.heads.label_head import LabelHead
from rec_assets.heads.states import encode, last_states

PROMPT = "{text} This garment is a"
LABELS = ("Belts", "Coats", "Trousers")


@pytest.fixture
def classifier(model, tokenizer):
    return LabelHead.from_label_words(model, tokenizer, LABELS, PROMPT)


def first_token(tokenizer, label):
    return tokenizer.encode(f" {label.lower()}", add_special_tokens=False)[0]


def test_untrained_it_scores_as_the_language_model_does(classifier, model, tokenizer):
    row = encode(tokenizer, PROMPT, "black Belts no 3")
    logits = model(torch.tensor([row])).logits[0, -1]
    expected = logits[[first_token(tokenizer, label) for label in LABELS]]
    torch.testing.assert_close(classifier(last_states(model, [row]))[0], expected)


def test_labels_that_share_their_first_token_take_the_mean_of_theirs(model, tokenizer):
    labels = ("black belts", "black coats", "red")
    classifier = LabelHead.from_label_words(model, tokenizer, labels, PROMPT)
    head = model.lm_head.weight
    for row, label in enumerate(labels[:2]):
        ids = tokenizer.encode(f" {label}", add_special_tokens=False)
        torch.testing.assert_close(classifier.decoder.weight[row], head[ids].mean(dim=0))
    assert not torch.equal(classifier.decoder.weight[0], classifier.decoder.weight[1])
    torch.testing.assert_close(classifier.decoder.weight[2], head[first_token(tokenizer, "red")])


def test_a_label_of_several_words_takes_the_mean_of_theirs(model, tokenizer):
    words = [["Red", "black"], ["white"]]
    made = LabelHead.from_label_words(model, tokenizer, ("up", "down"), PROMPT, words)
    head = model.lm_head.weight
    rows = [first_token(tokenizer, word) for word in ("red", "black")]
    torch.testing.assert_close(made.decoder.weight[0], head[rows].mean(dim=0))
    torch.testing.assert_close(made.decoder.weight[1], head[first_token(tokenizer, "white")])
    assert made.labels == ("up", "down")


def test_training_separates_what_can_be_separated(classifier):
    generator = torch.Generator().manual_seed(3)
    targets = torch.arange(60) % 3
    # Channels of very different spread, as a decoder's last states have.
    spread = torch.logspace(-2, 1, 32)
    states = (
        torch.randn(3, 32, generator=generator)[targets] + 0.1 * torch.randn(60, 32, generator=generator)
    ) * spread
    losses = classifier.fit(states, targets, epochs=150, learning_rate=0.05, seed=7)
    assert len(losses) == 150
    assert losses[-1] < 0.1 * losses[0]
    assert torch.equal(classifier.predict(states), targets)


def test_a_vanishing_step_leaves_the_scores_where_they_were(classifier):
    states = torch.randn(30, 32, generator=torch.Generator().manual_seed(1)) * torch.logspace(-2, 1, 32)
    before = classifier(states)
    classifier.fit(states, torch.arange(30) % 3, epochs=1, learning_rate=1e-12, seed=7)
    torch.testing.assert_close(classifier(states), before, rtol=1e-3, atol=1e-3)


def test_no_epochs_change_nothing(classifier):
    before = classifier.decoder.weight.clone()
    assert (
        classifier.fit(torch.ones(4, 32), torch.tensor([0, 1, 2, 0]), epochs=0, learning_rate=1.0, seed=7)
        == []
    )
    assert torch.equal(classifier.decoder.weight, before)


def test_it_answers_with_the_same_bits_after_a_round_trip(classifier, tmp_path):
    classifier.save(tmp_path)
    again = LabelHead.load(tmp_path)
    states = torch.randn(5, 32)
    assert torch.equal(again(states), classifier(states))
    assert (again.labels, again.prompt) == (LABELS, PROMPT)
