"""Exact lists in chunks, and nearly the same ones from a graph."""

import sys

import pytest
import torch
from speed.ann import AnnIndex, MissingLibraryError, exact_top, recall


@pytest.fixture
def catalogue() -> tuple[torch.Tensor, torch.Tensor]:
    """Rows around thirty centres, all of one length, and states near some of them."""
    random = torch.Generator().manual_seed(3)
    centres = torch.randn(30, 16, generator=random)
    head = centres.repeat(40, 1) + 0.5 * torch.randn(1200, 16, generator=random)
    head = torch.nn.functional.layer_norm(head, (16,))
    return head, head[::25] + 0.3 * torch.randn(48, 16, generator=random)


@pytest.mark.parametrize("chunk", [7, 500, 5000])
def test_chunks_change_no_list(catalogue, chunk):
    head, states = catalogue
    skus, scores = exact_top(states, head, 10, chunk)
    expected = (states @ head.T).sort(dim=1, descending=True)
    assert torch.equal(skus, expected.indices[:, :10])
    torch.testing.assert_close(scores, expected.values[:, :10])


def test_equal_scores_come_in_order_of_index_and_lists_end_with_the_catalogue():
    skus, scores = exact_top(torch.ones(1, 4), torch.ones(5, 4), 9, chunk=2)
    assert skus.tolist() == [[0, 1, 2, 3, 4]]
    assert scores.tolist() == [[4.0] * 5]


def test_recall_counts_what_is_found_whatever_the_order():
    exact = torch.tensor([[1, 2], [3, 4]])
    assert recall(torch.tensor([[2, 1], [3, 9]]), exact) == 0.75


def test_without_faiss_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)  # what Python itself puts there to forbid an import
    with pytest.raises(MissingLibraryError, match="pip install faiss-cpu"):
        AnnIndex(torch.ones(2, 4))


class TestIndex:
    @pytest.fixture(autouse=True)
    def _library(self):
        pytest.importorskip("faiss")

    def test_a_tuned_index_keeps_recall_and_exact_scores(self, catalogue):
        head, states = catalogue
        index = AnnIndex(head)
        assert index.tune(states, head) >= 0.99
        skus, scores = index.top(states, 10)
        torch.testing.assert_close(scores, (states @ head.T).gather(1, skus))
        assert (scores.diff(dim=1) <= 0).all()

    def test_what_is_not_allowed_or_masked_is_in_no_list(self, catalogue):
        head, states = catalogue
        index = AnnIndex(head, torch.arange(1200) % 2 == 0)
        index.effort = 600
        even = exact_top(states, head[::2], 12)[0] * 2
        assert recall(index.top(states, 10)[0], even[:, :10]) > 0.99
        masked = index.top(states, 10, [row[:2].tolist() for row in even])[0]
        assert recall(masked, even[:, 2:]) > 0.99
        assert (masked != even[:, :1]).all()

    def test_a_short_catalogue_leaves_places_empty(self):
        skus, scores = AnnIndex(torch.eye(3)).top(torch.eye(3)[:1], 5)
        assert skus[0, 0] == 0
        assert skus[0, 3:].tolist() == [-1, -1]
        assert scores[0, 3:].tolist() == [float("-inf")] * 2

    def test_the_graph_is_the_same_every_time(self, catalogue):
        head, states = catalogue
        first, second = (AnnIndex(head).top(states, 10)[0] for _ in range(2))
        assert torch.equal(first, second)
