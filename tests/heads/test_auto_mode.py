import numpy as np
import pytest
import torch

from rec_assets.heads.auto_mode import choose_by_trial, choose_mode
from rec_assets.heads.classifier import DecoderTrimmedClassifier
from rec_assets.heads.errors import HeadError
from rec_assets.heads.language_model import LanguageModel

PROMPT = "{text} This garment is a"
LABELS = {"Belts": ["belts"], "Coats": ["coats"], "Trousers": ["trousers"]}


def test_numbers_decide_where_nothing_can_be_tried():
    assert choose_mode(None, 2) == "zero_shot"
    assert choose_mode(np.repeat([0, 1], [3, 9]), 2) == "few_shot"
    assert choose_mode(np.repeat([0, 1], 9), 3) == "few_shot"  # one label has no text
    assert choose_mode(np.repeat([0, 1], [4, 9]), 2) == "auto"
    assert choose_mode(np.repeat(np.arange(21), 4), 21) == "linear"


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

    assert choose_by_trial(trial, targets, 0) == chosen


@pytest.mark.parametrize(
    ("count", "learnt", "asked"),
    [(16, [12] * 4, [4] * 4), (200, [150] * 2, [50] * 2), (4000, [750], [250])],
)
def test_few_texts_are_all_asked_and_many_are_drawn(count, learnt, asked):
    seen = []

    def trial(mode, some, others):
        seen.append((mode, len(some), len(others)))
        return np.zeros(len(others))

    choose_by_trial(trial, np.arange(count) % 2, 0)
    folds = list(zip(learnt, asked, strict=True))
    assert seen == [(mode, *fold) for fold in folds for mode in ("linear", "few_shot")]


def test_a_mode_out_of_the_question_is_not_asked_again():
    seen = []

    def trial(mode, some, others):
        seen.append(mode)
        return None if mode == "few_shot" else np.full(len(others), -1)

    assert choose_by_trial(trial, np.arange(16) % 2, 0) == "linear"
    assert seen == ["linear", "few_shot"]


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


def test_what_a_model_says_by_itself_beats_a_head_on_the_wrong_state(fluent, articles):
    known = articles.head(90)
    texts, y = known["title"].tolist(), known["category"].to_numpy()
    blind = {"layer": 0, "pooling": "last"}  # the embedding of the prompt's last word, the same for all texts
    settings = {"labels": LABELS, "prompt": PROMPT}
    clf = DecoderTrimmedClassifier(fluent, **settings, **blind).fit(texts[:24], y[:24])
    assert clf.mode_ == "few_shot"
    assert clf.score(texts[24:], y[24:]) > 0.9
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
