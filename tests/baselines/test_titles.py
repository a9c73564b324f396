"""Neighbours in words."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from rec_assets.baselines.data import Purchases
from rec_assets.baselines.titles import TitleNeighbours


def test_ranks_what_reads_like_the_last_purchases(shop: Callable[..., Purchases]) -> None:
    texts = ["red wool coat", "red wool scarf", "blue jeans", "red wool coat", "🎩"]
    data = replace(shop(["ca"], "abcde"), texts=np.array(texts, object))
    model = TitleNeighbours()
    assert model.unsuited(data) is None
    model.fit(data)
    a, b, c, d, e = model.score(np.array([0]))[0]
    # Half of the profile is the coat, half the jeans: equal texts score half, the scarf shares words.
    assert [a, c, d] == pytest.approx([0.5, 0.5, 0.5])
    assert 0 < b < 0.5
    assert np.isneginf(e)


def test_only_the_last_five_purchases_count(shop: Callable[..., Purchases]) -> None:
    data = replace(shop(["abbbbb"], "ab"), texts=np.array(["coat", "jeans"], object))
    model = TitleNeighbours()
    model.fit(data)
    assert model.score(np.array([0]))[0].tolist() == [-np.inf, pytest.approx(1)]


def test_a_catalogue_without_words_is_said(shop: Callable[..., Purchases]) -> None:
    data = replace(shop(["a"], "ab"), texts=np.array(["", "👗"], object))
    assert "word" in (TitleNeighbours().unsuited(data) or "")
