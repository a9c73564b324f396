import numpy as np
import pytest
import torch

from rec_assets.heads.auto_mode import choose_mode
from rec_assets.heads.classifier import DecoderTrimmedClassifier
from rec_assets.heads.errors import HeadError
from rec_assets.heads.language_model import LanguageModel

PROMPT = "{text} This garment is a"
LABELS = {"Belts": ["belts"], "Coats": ["coats"], "Trousers": ["trousers"]}


def never(*asked):
    pytest.fail(f"nothing is to be tried, {asked}")


def named(targets):
    return [f"text {place}" for place in range(len(targets))]


@pytest.mark.parametrize(
    ("targets", "labels", "chosen"),
    [
        (np.repeat([0, 1], 9), 3, "few_shot"),  # one label has no text
        (np.repeat([0, 1], [3, 9]), 2, "few_shot"),
        (np.repeat(np.arange(21), 4), 21, "linear"),
        (np.repeat(np.arange(21), [50] * 20 + [1]), 21, "linear"),
        (np.zeros(9, dtype=int), 1, "linear"),
    ],
)
def test_numbers_decide_where_nothing_can_be_tried(targets, labels, chosen):
    assert choose_mode(never, named(targets), targets, labels, 0) == chosen


@pytest.mark.parametrize(
    ("worse", "chosen"), [("linear", "few_shot"), ("few_shot", "linear"), (None, "linear")]
)
def test_the_mode_with_more_right_answers_is_chosen(worse, chosen):
    targets = np.repeat([0, 1], 8)

    def trial(mode, learnt, asked):
        assert set(learnt).isdisjoint(asked)
        answers = targets[asked].copy()
        if mode == worse:
            answers[0] = 1 - answers[0]
        return answers

    assert choose_mode(trial, named(targets), targets, 2, 0) == chosen


@pytest.mark.parametrize(
    ("count", "learnt", "asked"),
    [(16, [12] * 4, [4] * 4), (200, [150] * 2, [50] * 2), (4000, [750], [250])],
)
def test_few_texts_are_all_asked_and_many_are_drawn(count, learnt, asked):
    seen = []

    def trial(mode, some, others):
        seen.append((mode, len(some), len(others)))
        return np.zeros(len(others))

    targets = np.arange(count) % 2
    choose_mode(trial, named(targets), targets, 2, 0)
    folds = list(zip(learnt, asked, strict=True))
    assert seen == [(mode, *fold) for fold in folds for mode in ("few_shot", "linear")]


def test_rare_labels_are_in_every_fold_or_in_none():
    targets = np.repeat([0, 1, 2, 3], [9000, 4000, 4, 3])

    def trial(mode, learnt, asked):
        assert np.bincount(targets[learnt]).tolist()[2:] == [3]
        return np.zeros(len(asked))

    choose_mode(trial, named(targets), targets, 4, 0)


def test_a_text_that_comes_again_is_tried_once():
    targets = np.arange(48) % 2
    texts = [f"text {place % 12}" for place in range(48)]

    def trial(mode, learnt, asked):
        told = [texts[place] for place in (*learnt, *asked)]
        assert len(told) == len(set(told)) == 12
        return np.zeros(len(asked))

    choose_mode(trial, texts, targets, 2, 0)
    assert choose_mode(never, [f"text {place % 6}" for place in range(48)], targets, 2, 0) == "few_shot"


@pytest.mark.parametrize("refused", ["few_shot", "linear"])
def test_what_cannot_be_tried_is_not_chosen_over_linear(refused):
    seen = []

    def trial(mode, some, others):
        seen.append(mode)
        return None if mode == refused else np.zeros(len(others))

    targets = np.arange(16) % 2
    assert choose_mode(trial, named(targets), targets, 2, 0) == "linear"
    assert seen == ["few_shot", "linear"]


@pytest.fixture
def fluent(model, tokenizer, articles):
    """A model that has read what titles name, several after one another."""
    random = np.random.default_rng(0)
    known = articles.head(90)
    said = [
        tokenizer.encode(
            PROMPT.replace("{text}", title) + f" {category.lower()} \n\n", add_special_tokens=False
        )
        for title, category in zip(known["title"], known["category"], strict=True)
    ]
    optimizer = torch.optim.AdamW(model.train().parameters(), lr=1e-2)
    for _ in range(150):
        rows = [sum((said[i] for i in random.choice(90, 8)), [tokenizer.bos_token_id]) for _ in range(8)]
        ids = torch.tensor([row[:56] for row in rows])
        model(ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return LanguageModel(model.eval(), tokenizer)


def test_what_a_model_says_by_itself_beats_a_head_on_the_wrong_state(fluent, articles, tmp_path):
    known = articles.head(90)
    texts, y = known["title"].tolist(), known["category"].to_numpy()
    blind = {"layer": 0, "pooling": "last"}  # the embedding of the prompt's last word, the same for all texts
    settings = {"labels": LABELS, "prompt": PROMPT}
    clf = DecoderTrimmedClassifier(fluent, **settings, **blind).fit(texts[:24], y[:24])
    assert clf.mode_ == "few_shot"
    assert clf.score(texts[24:], y[24:]) > 0.9
    clf.save(tmp_path / "saved")
    again = DecoderTrimmedClassifier.load(tmp_path / "saved")
    assert again.mode_ == "few_shot"
    assert (again.predict_proba(texts[24:]) == clf.predict_proba(texts[24:])).all()
    same = DecoderTrimmedClassifier(fluent, **settings, **blind).fit(texts[:24], y[:24])
    assert (same.predict_proba(texts[24:]) == clf.predict_proba(texts[24:])).all()
    several = {label: [f"{label} {label} no"] for label in LABELS}
    settings["labels"] = several  # such words could not be saved
    assert DecoderTrimmedClassifier(fluent, **settings, **blind).fit(texts[:24], y[:24]).mode_ == "linear"


def test_examples_longer_than_the_model_reads_are_not_tried(fluent, articles):
    known = articles.head(24)
    fluent.decoder.config.max_position_embeddings = 64
    texts, y = known["title"].tolist(), known["category"].to_numpy()
    settings = {"labels": LABELS, "prompt": PROMPT, "text_tokens": 8, "demonstrations": 4}
    with pytest.raises(HeadError, match="The demonstrations have"):
        DecoderTrimmedClassifier(fluent, **settings, mode="few_shot").fit(texts, y)
    assert DecoderTrimmedClassifier(fluent, **settings).fit(texts, y).mode_ == "linear"
    # Nor taken where numbers alone speak for them: a label has no text.
    some = y != "Belts"
    told = [text for text, own in zip(texts, some, strict=True) if own]
    assert DecoderTrimmedClassifier(fluent, **settings).fit(told, y[some]).mode_ == "linear"


def test_an_error_of_linear_is_told(fluent, articles):
    known = articles.head(24)
    clf = DecoderTrimmedClassifier(fluent, LABELS, PROMPT, layer=9)
    with pytest.raises(HeadError, match="no layer 9"):
        clf.fit(known["title"].tolist(), known["category"].to_numpy())


def test_a_rare_label_does_not_stop_a_search_for_words(fluent, articles):
    known = articles.head(24)
    texts, y = [*known["title"], "white white"], [*known["category"], "Hats"]
    clf = DecoderTrimmedClassifier(fluent, prompt=PROMPT, label_words="search").fit(texts, y)
    assert clf.mode_ == "linear"  # in a part of the texts no word can be found for the only hat
    assert clf.classes_.tolist() == ["Belts", "Coats", "Hats", "Trousers"]
