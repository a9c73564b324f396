import numpy as np
import numpy.typing as npt
import pytest

from rec_assets.vocabulary.co_purchases import co_purchase_vectors, pair_counts, positive_pmi


def purchases(histories: list[list[int]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    customer = np.repeat(np.arange(len(histories)), [len(history) for history in histories])
    return customer, np.concatenate([np.asarray(history, np.int64) for history in histories])


@pytest.fixture
def two_tastes() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Customers buy either from articles 0 to 4 or from 5 to 9."""
    random = np.random.default_rng(0)
    return purchases([(random.permutation(5) + 5 * (who % 2)).tolist() for who in range(60)])


def test_pairs_count_less_the_further_apart_and_never_across_customers() -> None:
    counts = pair_counts(*purchases([[0, 1, 2], [3, 0]]), 4, window=2).toarray()
    expected = np.zeros((4, 4))
    expected[0, 1] = expected[1, 2] = expected[3, 0] = 1.0
    expected[0, 2] = 0.7
    np.testing.assert_allclose(counts, expected + expected.T)


def test_the_window_bounds_what_was_bought_together() -> None:
    assert pair_counts(*purchases([[0, 1, 2]]), 3, window=1).toarray()[0, 2] == 0


def test_information_is_what_pairs_tell_beyond_popularity() -> None:
    # 0 is bought with everybody; 1 and 2 only with each other beside it.
    counts = pair_counts(*purchases([[0, 1], [0, 2], [0, 3], [1, 2], [1, 2], [1, 2]]), 4, window=1)
    told = positive_pmi(counts).toarray()
    assert told[1, 2] > told[0, 1] >= 0
    np.testing.assert_allclose(told, told.T)


def test_articles_bought_together_point_the_same_way(two_tastes: tuple[npt.NDArray[np.int64], ...]) -> None:
    vectors = co_purchase_vectors(*two_tastes, 11, 16, window=5, rank=4, seed=1)
    assert vectors.shape == (11, 16)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors[:10], axis=1), 1, rtol=1e-5)
    assert not vectors[10].any()  # never bought
    cosine = vectors @ vectors.T
    inside = [cosine[i, j] for i in range(10) for j in range(10) if i != j and (i < 5) == (j < 5)]
    across = [cosine[i, j] for i in range(5) for j in range(5, 10)]
    assert min(inside) > max(across) + 0.2


def test_the_same_purchases_give_the_same_bytes(two_tastes: tuple[npt.NDArray[np.int64], ...]) -> None:
    first, again = (co_purchase_vectors(*two_tastes, 10, 16, window=5, rank=8, seed=1) for _ in range(2))
    assert first.tobytes() == again.tobytes()


@pytest.mark.parametrize("histories", [[[0]], [[0], [1]], [[0, 0]]])
def test_too_few_purchases_tell_nothing(histories: list[list[int]]) -> None:
    customer, row = purchases(histories)
    vectors = co_purchase_vectors(customer, row, int(row.max()) + 1, 8, window=5, rank=4, seed=1)
    assert np.isfinite(vectors).all()
    assert vectors.shape == (row.max() + 1, 8)
