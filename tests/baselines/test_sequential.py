"""Small transformers: what they must learn, and that they learn it twice alike."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from rec_assets.baselines.bert4rec import Bert4Rec
from rec_assets.baselines.data import Purchases
from rec_assets.baselines.sasrec import SasRec
from rec_assets.baselines.sequential import LENGTH, Sequential, buckets

Shop = Callable[..., Purchases]
MODELS = [SasRec, Bert4Rec]


@pytest.fixture
def cycles(shop: Shop, with_validation: Callable[[Purchases, int], Purchases]) -> Purchases:
    """Everybody buys a, b, c, a, b, c, ... from another start, for another while."""
    baskets = [("abc" * 5)[i % 3 : i % 3 + 5 + i % 7] for i in range(60)]
    return with_validation(shop(baskets, "abcdz"), 1)


@pytest.mark.parametrize("kind", MODELS)
def test_learns_a_cycle(kind: type[Sequential], cycles: Purchases) -> None:
    model = kind(width=16, epochs=25, seed=7)
    model.fit(cycles)
    customers = cycles.test_customers
    last = np.array([cycles.history(customer)[-1] for customer in customers])
    scores = model.score(customers)
    following = (last + 1) % 3
    assert (scores.argmax(axis=1) == following).mean() > 0.95
    # d and z were never sold: no opinion on them.
    assert np.isneginf(scores[:, 3:]).all()
    assert np.isfinite(scores[:, :3]).all()


@pytest.mark.parametrize("kind", MODELS)
def test_the_same_seed_gives_the_same_scores_and_leaves_torchs_randomness_alone(
    kind: type[Sequential], cycles: Purchases
) -> None:
    before = torch.get_rng_state()
    first, second, other = (kind(width=8, epochs=2, seed=seed) for seed in (1, 1, 2))
    for model in (first, second, other):
        model.fit(cycles)
    assert torch.equal(before, torch.get_rng_state())
    customers = cycles.test_customers
    assert (first.score(customers) == second.score(customers)).all()
    assert (first.score(customers) != other.score(customers)).any()


@pytest.mark.parametrize("kind", MODELS)
def test_a_score_does_not_depend_on_who_shares_the_batch(kind: type[Sequential], cycles: Purchases) -> None:
    model = kind(width=8, epochs=1, seed=1)
    model.fit(cycles)
    together = model.score(cycles.test_customers)
    alone = np.concatenate([model.score(np.array([customer])) for customer in cycles.test_customers])
    assert alone == pytest.approx(together, abs=1e-4)


@pytest.mark.parametrize("kind", MODELS)
def test_the_best_epoch_is_kept(kind: type[Sequential], cycles: Purchases) -> None:
    model = kind(width=8, epochs=4, seed=3)
    model.fit(cycles)
    _, cases = model._cut(cycles, np.random.default_rng(3))
    assert model._ndcg(cases) == pytest.approx(max(model.validation))


def test_rows_hold_every_training_purchase_and_bear_each_loss_once(
    shop: Shop, with_validation: Callable[[Purchases, int], Purchases]
) -> None:
    letters = "".join(chr(ord("a") + i % 26) for i in range(2 * LENGTH + 31))
    data = with_validation(shop([letters, "ab", "c"], "abcdefghijklmnopqrstuvwxyz"), 1)
    model = SasRec(8, 1, 1)
    model.fit(data)
    rows, cases = model._cut(data, np.random.default_rng(1))
    assert max(map(len, rows)) == LENGTH + 1
    # One loss a training purchase but the first; "ab" keeps one purchase in training, "c" none.
    assert sum(len(row) - 1 for row in rows) == 2 * LENGTH + 31 - 2
    oldest_first = [*rows[-1].tolist(), *(token for row in rows[-2::-1] for token in row[1:].tolist())]
    assert "".join(data.skus[model._sold[oldest_first]]) == letters[:-1]
    assert [case.basket for case in cases] == [1, 1]


@pytest.mark.parametrize("kind", MODELS)
def test_a_catalogue_of_one_and_a_customer_with_ten_thousand_purchases(
    kind: type[Sequential], shop: Shop
) -> None:
    data = shop(["a" * 10_000, "a", ""], "a")
    model = kind(width=8, epochs=1, seed=1)
    model.fit(data)
    scores = model.score(data.test_customers)
    assert np.isfinite(scores[:2]).all()
    assert np.isneginf(scores[2]).all()


def test_batches_hold_every_row_once_within_the_limit() -> None:
    lengths = np.random.default_rng(0).integers(1, 30, 200)
    for random in (None, np.random.default_rng(1)):
        batches = buckets(lengths.tolist(), 64, random)
        assert sorted(np.concatenate(batches).tolist()) == list(range(200))
        assert all(len(batch) * lengths[batch].max() <= 64 for batch in batches)
