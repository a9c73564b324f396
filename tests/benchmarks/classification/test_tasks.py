"""Splits of the classifier benchmark: no text is on two sides, shots are drawn by label."""

import numpy as np
import pytest
from classification.phrases import with_phrases
from classification.tasks import draw_by_text, make_task, read_task


def test_parts_do_not_overlap_and_add_up(task):
    parts = {part: set(task.rows(part)) for part in ("pool", "selection", "test", "train")}
    assert parts["pool"] | parts["selection"] == parts["train"]
    assert not parts["pool"] & parts["selection"]
    assert not parts["train"] & parts["test"]
    assert len(parts["train"] | parts["test"]) == len(task.texts)
    said = {part: set(task.said(list(rows))) for part, rows in parts.items()}
    assert not said["pool"] & said["selection"]  # the copy goes where the other one goes


def test_shots_are_so_many_of_every_label_and_of_the_seed(task):
    rows = task.shots(5, 1)
    assert np.bincount(task.targets[rows]).tolist() == [5, 5]
    assert set(rows) <= set(task.rows("pool"))
    assert np.array_equal(rows, task.shots(5, 1))
    assert not np.array_equal(rows, task.shots(5, 2))
    assert np.array_equal(task.shots(None, 1, "train"), task.rows("train"))


def test_a_share_of_all_is_drawn_by_seed(task):
    half = task.shots(None, 1, "train", share=0.5)
    assert len(half) == len(set(half)) == round(len(task.rows("train")) / 2)
    assert set(half) <= set(task.rows("train"))
    assert np.array_equal(half, task.shots(None, 1, "train", share=0.5))
    assert not np.array_equal(half, task.shots(None, 2, "train", share=0.5))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "train", "test", "labels"),
    [("sst2", 6920, 872, 2), ("ag_news", 16449, 2000, 4), ("fashion", None, 5000, 76)],
)
def test_the_research_data_is_read_whole(name, train, test, labels, shared_data):
    task = read_task(name)
    assert len(task.rows("test")) == test
    assert train is None or len(task.rows("train")) == train
    assert len(task.labels) == labels
    assert set(task.targets[task.rows("train")]) == set(task.targets[task.rows("test")]) == set(range(labels))
    few = read_task(name, 32)
    assert len(few.rows("test")) == len(few.rows("selection")) == 32
    assert few.said(few.shots(4, 1)) == task.said(task.shots(4, 1))


def test_copies_of_a_text_are_drawn_together():
    texts = np.array([f"coat {i // 3}" for i in range(60)] + [f"belt {i}" for i in range(40)], object)
    for size in (20, 50):
        drawn = draw_by_text(texts, size)
        assert drawn.sum() == size
        assert not set(texts[drawn]) & set(texts[~drawn])
        assert np.array_equal(drawn, draw_by_text(texts, size))
    assert draw_by_text(np.array(["a"] * 9 + ["b"], object), 3).sum() == 1  # there is no room for nine


@pytest.mark.shared
@pytest.mark.parametrize("name", ["sst2", "ag_news", "fashion"])
def test_no_test_text_is_trained_on(name, shared_data):
    task = read_task(name, whole=True)
    said = {part: set(task.said(task.rows(part))) for part in ("train", "test")}
    assert not said["train"] & said["test"]


def test_phrases_of_judged_sentences_are_left_out_or_withheld():
    sentences = ["a fine film", "a dull -lrb- long -rrb- film", "good", "no plot", "bad", "so so"]
    judged = ["an utterly charming caf\u00e9 comedy"]
    task = make_task(
        "films", ("bad", "good"), (sentences, np.array([1, 0, 1, 0, 0, 1])), (judged, np.array([1]))
    )
    (chosen_on,) = task.said(task.rows("selection"))
    part = {  # of each sentence that may have been drawn for the selection
        "a fine film": "fine film",
        "a dull -lrb- long -rrb- film": "( long ) film",
        "no plot": "plot",
        "so so": "so",
    }
    phrases = ["charming cafe", "comedy", "char", "a dull ( long ) film", "good", "char", *part.values()]
    targets = np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 1])
    more = with_phrases(task, phrases, targets)
    added = more.said(np.arange(len(task.texts), len(more.texts)))
    assert added == ["char", *part.values()]
    assert more.targets[len(task.texts) :].tolist() == [1, 1, 0, 0, 1]
    assert set(task.said(task.rows("train"))) | set(added) == set(more.said(more.rows("train")))
    assert more.said(more.rows("selection")) == [chosen_on]
    assert set(added) - set(more.said(more.rows("pool"))) == {part[chosen_on]}
    assert more.said(more.rows("test")) == judged


@pytest.mark.shared
def test_all_of_sst2_is_phrases_too_and_shots_are_sentences(shared_data):
    few, whole = read_task("sst2"), read_task("sst2", whole=True)
    count = len(few.texts)
    assert whole.texts[:count] == few.texts
    assert np.array_equal(whole.rows("selection"), few.rows("selection"))
    assert np.array_equal(whole.rows("test"), few.rows("test"))
    assert len(whole.rows("train")) > 60_000
    judged = {part: [f" {text} " for text in few.said(few.rows(part))] for part in ("test", "selection")}
    added = np.arange(count, len(whole.texts))
    learnt = set(whole.rows("pool"))
    for place in added[::97]:  # each against every sentence takes long
        assert not any(f" {whole.texts[place]} " in sentence for sentence in judged["test"])
        if place in learnt:
            assert not any(f" {whole.texts[place]} " in sentence for sentence in judged["selection"])
