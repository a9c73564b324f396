import numpy as np
import pytest

from rec_assets.generation.merge import merge_chains


def test_agreement_counts_before_rank_and_each_sku_comes_once() -> None:
    chains = np.array([[[7, 3, 5], [3, 9, -1]], [[-1, -1, -1], [4, 2, -1]]])
    skus, scores, votes = merge_chains(chains, 4)
    assert skus.tolist() == [[3, 7, 9, 5], [4, 2, -1, -1]]
    assert scores[0] == pytest.approx([1 / 61 + 1 / 62, 1 / 61, 1 / 62, 1 / 63])
    assert votes.tolist() == [[2, 1, 1, 1], [1, 1, 0, 0]]


def test_the_list_is_cut_and_ties_are_in_order_of_the_registry() -> None:
    skus, _, _ = merge_chains(np.array([[[8, 1], [2, 6]]]), 3)
    assert skus.tolist() == [[2, 8, 1]]


def test_empty_chains_give_an_empty_list() -> None:
    skus, scores, votes = merge_chains(np.full((1, 2, 2), -1), 3)
    assert skus.tolist() == [[-1] * 3]
    assert not scores.any()
    assert not votes.any()
