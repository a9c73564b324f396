import numpy as np
import pandas as pd
import pytest
import torch

from rec_assets.heads.next_purchase import (
    Labels,
    answers,
    choose_temperatures,
    habits,
    label_probabilities,
    next_labels,
)

REGISTRY = pd.DataFrame({"sku": ["a", "b", "c", "d", "e"], "sku_index": range(5)})
ARTICLES = pd.DataFrame({"sku": ["a", "b", "c", "d"], "category": ["Coats", "Belts", "Coats", "unknown"]})
LABELS = Labels.of(ARTICLES, "category", REGISTRY, np.zeros(5, dtype=bool))
BEFORE = pd.DataFrame(
    {
        "customer_id": ["x", "x", "x", "y", "y", "z", "v", "v", "v"],
        "sku": ["a", "b", "c", "b", "a", "d", "b", "b", "b"],
    }
)


def test_labels_leave_out_the_unknown_and_the_barred():
    assert LABELS.names == ("Belts", "Coats")
    assert LABELS.of_sku.tolist() == [1, 0, 1, -1, -1]
    barred = Labels.of(ARTICLES, "category", REGISTRY, np.array([True, False, False, False, False]))
    assert barred.of_sku.tolist() == [-1, 0, 1, -1, -1]


def test_a_label_has_the_sum_of_its_skus():
    scores = torch.tensor([[1.0, 2.0, 3.0, 50.0, 60.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    parts = np.exp([1.0, 2.0, 3.0])
    expected = np.array([[parts[1] / parts.sum(), (parts[0] + parts[2]) / parts.sum()], [1 / 3, 2 / 3]])
    assert label_probabilities(scores, LABELS.of_sku, 2) == pytest.approx(expected, rel=1e-5)


def test_a_habit_is_the_most_frequent_label():
    found = habits(BEFORE, pd.Series(["x", "y", "z", "new"]), LABELS, REGISTRY)
    # x: two coats; y: one of each, the alphabet decides; z and the newcomer have none of their own.
    assert found.tolist() == [1, 0, 0, 0, 0]


def test_the_next_purchase_is_the_first_of_the_basket():
    prompts = pd.DataFrame({"targets": [["b", "a"], ["a"], ["d", "a"], []]})
    assert next_labels(prompts, LABELS, REGISTRY).tolist() == [0, 1, -1, -1]


def test_customers_without_a_known_label_are_not_judged():
    prompts = pd.DataFrame({"customer_id": ["x", "y", "z"], "targets": [["b"], ["d"], ["a"]]})
    scores = torch.tensor([[0.0, 9.0, 0.0, 0.0, 0.0], [0.0] * 5, [9.0, 0.0, 0.0, 0.0, 0.0]])
    batches = iter([([2], scores[2:]), ([0, 1], scores[:2])])
    said = answers(batches, {"next": LABELS}, {"next": 1.0}, prompts, REGISTRY, BEFORE)["next"]
    assert said.truth.tolist() == [0, 1]
    assert said.probabilities.argmax(axis=1).tolist() == [0, 1]
    assert said.rivals["majority"].tolist() == [0, 0]
    assert said.rivals["the customer's most frequent label"].tolist() == [1, 0]


def sharp(sure, right):
    """Four customers whose model is ``sure`` of belts, and how many of them buy belts."""
    prompts = pd.DataFrame({"targets": [["b"] if place < right else ["a"] for place in range(4)]})
    scores = torch.tensor([[-9.0, sure, 0.0, 0.0, 0.0]] * 4)
    return choose_temperatures([([0, 1, 2, 3], scores)], {"next": LABELS}, prompts, REGISTRY)["next"]


def test_one_who_is_too_sure_is_cooled_and_one_who_is_too_unsure_is_not():
    assert sharp(4.0, right=3) == 4.0  # e^(4/4) to 1 is 0.73 in favour: three of four
    assert sharp(1.0, right=3) == 1.0
    assert sharp(1.0, right=4) == 0.5


def test_without_a_known_purchase_the_temperature_stays():
    prompts = pd.DataFrame({"targets": [["d"]]})
    scores = torch.zeros(1, 5)
    assert choose_temperatures([([0], scores)], {"next": LABELS}, prompts, REGISTRY) == {"next": 1.0}
