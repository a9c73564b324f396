import numpy as np
import pandas as pd
import pytest

from rec_assets.errors import ParamsError, TableError
from rec_assets.heads.examples import check_label_words, choose_examples
from rec_assets.params import Head


def test_counts_add_up_and_every_loss_has_a_reason(articles):
    examples = choose_examples(articles, Head(min_rows=5), "category", seed=7)
    assert examples.rows == {
        "table": 94,
        "without text or label": 3,
        "rare label": 1,
        "not sampled": 0,
        "used": 90,
    }
    assert examples.labels == ("Belts", "Coats", "Trousers")
    assert [examples.labels[i] for i in examples.targets[:3]] == ["Belts", "Coats", "Trousers"]


def test_the_split_is_stratified_and_seeded(articles):
    first, again, other = (choose_examples(articles, Head(min_rows=5), "category", seed=s) for s in (7, 7, 8))
    assert np.bincount(first.targets[first.test]).tolist() == [6, 6, 6]
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)


def test_a_sample_is_seeded_and_never_above_the_limit(articles):
    head = Head(min_rows=5, max_rows=40)
    first, again = (choose_examples(articles, head, "category", seed=7) for _ in range(2))
    assert len(first.texts) == 40
    assert first.texts == again.texts
    assert sum(first.rows.values()) - first.rows["table"] == first.rows["table"]


def test_every_label_is_learnt_and_tested_even_with_two_rows():
    table = pd.DataFrame({"title": list("abcd"), "category": ["x", "x", "y", "y"]})
    examples = choose_examples(table, Head(text=("title",), min_rows=2, test_share=0.01), "h", seed=7)
    assert sorted(examples.targets[examples.test]) == [0, 1]


def test_rows_of_one_text_stay_on_one_side():
    table = pd.DataFrame(
        {
            "title": [f"text {i // 3}" for i in range(60)],
            "category": ["x" if i < 30 else "y" for i in range(60)],
        }
    )
    examples = choose_examples(table, Head(text=("title",), min_rows=2), "h", seed=7)
    texts = np.array(examples.texts)
    assert not set(texts[examples.test]) & set(texts[~examples.test])
    assert np.bincount(examples.targets[examples.test]).tolist() == [6, 6]


def test_labels_that_share_texts_all_keep_one_to_learn_from():
    """Each of the last label's two texts is one of another label's two."""
    table = pd.DataFrame({"category": list("xxyyzz"), "title": list("abcdac")})
    for seed in range(20):
        examples = choose_examples(table, Head(text=("title",), min_rows=2), "h", seed=seed)
        assert set(examples.targets[examples.test]) >= {0, 1}
        assert set(examples.targets[~examples.test]) == {0, 1, 2}


def test_words_for_a_label_that_no_row_has_are_refused(articles):
    head = Head(label_words={"Coats": ["coat"], "Hats": ["hat"]}, min_rows=5)
    check_label_words(articles, head, "look")  # Hats has too few rows, but it is a label
    with pytest.raises(ParamsError, match=r"heads\.look\.label_words.*'Coat'"):
        check_label_words(articles, Head(label_words={"Coat": ["coat"]}), "look")


def test_one_label_is_too_few(articles):
    same = articles.assign(category="Coats")
    assert "a classifier needs two" in choose_examples(same, Head(), "category", seed=7)


def test_a_missing_column_names_the_parameter(articles):
    with pytest.raises(TableError, match=r"no column 'style'.*heads\.look\.label"):
        choose_examples(articles, Head(label="style"), "look", seed=7)
