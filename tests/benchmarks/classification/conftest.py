"""Two tiny tasks: fruit told by one word, garments named by their texts."""

import numpy as np
import pytest
from classification import bases
from classification.tasks import make_task

GARMENTS = ("belts", "coats", "trousers")


@pytest.fixture
def task():
    """Two kinds of fruit, told by the second word; one train text comes twice."""
    texts = [f"fruit {'sweet' if i % 2 else 'sour'} no {i}" for i in range(100)]
    texts[99] = texts[1]
    targets = np.arange(100) % 2
    return make_task(
        "fruit",
        ("sour", "sweet"),
        (texts[:80] + texts[99:], targets[[*range(80), 99]]),
        (texts[80:99], targets[80:99]),
    )


@pytest.fixture
def garments(tiny_base, monkeypatch):
    """Garments named by their texts, and a tiny base in the place of the pretrained one."""
    monkeypatch.setitem(bases.LANGUAGE, "smollm2", str(tiny_base))
    texts = [f"soft {('black', 'red', 'white')[i % 3]} {GARMENTS[i // 3 % 3]} no {i % 30}" for i in range(90)]
    targets = np.arange(90) // 3 % 3
    return make_task("garments", GARMENTS, (texts[:60], targets[:60]), (texts[60:], targets[60:]))
