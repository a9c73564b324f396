"""Cutting lists out of scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rec_assets.baselines.lists import SCORES_AT_ONCE, best, chunks


def test_fills_short_lists_below_the_models_own_scores() -> None:
    scores = np.array([-np.inf, 0.5, -np.inf, -np.inf], np.float32)
    ranked = best(scores, np.array([True, True, False, True]), np.array([3, 2, 1, 0]), depth=3)
    assert ranked.skus.tolist() == [1, 3, 0]
    assert ranked.scores.tolist() == [0.5, -0.5, -1.5]
    assert ranked.filled == 2


def test_a_list_is_as_long_as_the_allowed_catalogue_at_most() -> None:
    ranked = best(np.zeros(3, np.float32), np.array([True, False, True]), np.arange(3), depth=10)
    assert ranked.skus.tolist() == [0, 2]


@given(
    values=st.lists(st.sampled_from([-np.inf, 0.0, 1.0, 2.0, 2.5]), min_size=1, max_size=40),
    depth=st.integers(1, 45),
    seed=st.integers(0, 99),
)
def test_agrees_with_sorting_everything(values: list[float], depth: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = np.array(values, np.float32)
    allowed = random.random(len(values)) < 0.8
    fallback = random.permutation(len(values))
    scored = [i for i in range(len(values)) if allowed[i] and scores[i] > -np.inf]
    rest = [i for i in fallback.tolist() if allowed[i] and scores[i] == -np.inf]
    expected = (sorted(scored, key=lambda i: (-scores[i], i)) + rest)[:depth]
    ranked = best(scores, allowed, fallback, depth)
    assert ranked.skus.tolist() == expected
    assert (np.diff(ranked.scores) <= 0).all()
    assert ranked.filled == max(0, len(expected) - len(scored))


@pytest.mark.parametrize("catalogue", [1, 1000, SCORES_AT_ONCE * 2])
def test_chunks_cover_every_customer_once_and_bound_memory(catalogue: int) -> None:
    customers = np.arange(50)
    parts = list(chunks(customers, catalogue))
    assert np.concatenate(parts).tolist() == customers.tolist()
    assert all(len(part) == 1 or len(part) * catalogue <= SCORES_AT_ONCE for part in parts)
