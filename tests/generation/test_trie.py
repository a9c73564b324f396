import numpy as np
import pytest
import torch

from rec_assets.errors import RegistryError
from rec_assets.generation.trie import ROOT, Trie

CODES = np.array([[0, 2, 5], [0, 2, 4], [1, 3, 4], [0, 3, 4]])
SIZE = 6


@pytest.fixture
def trie() -> Trie:
    return Trie(CODES, SIZE)


def walk(trie: Trie, *tokens: int) -> torch.Tensor:
    nodes = torch.tensor([ROOT])
    for token in tokens:
        nodes = trie.step(nodes, torch.tensor([token]))
    return nodes


def test_after_every_beginning_exactly_the_continuations_are_allowed() -> None:
    random = np.random.default_rng(0)
    codes = np.unique(random.integers(0, 4, size=(60, 3)), axis=0)
    random.shuffle(codes)
    trie = Trie(codes, 4)
    beginnings = [(), *((a,) for a in range(4)), *((a, b) for a in range(4) for b in range(4))]
    nodes = torch.cat([walk(trie, *beginning) for beginning in beginnings])
    expected = [
        [any(tuple(code[: len(b) + 1]) == (*b, token) for code in codes.tolist()) for token in range(4)]
        for b in beginnings
    ]
    assert trie.allowed(nodes).tolist() == expected


def test_only_words_of_skus_are_read(trie: Trie) -> None:
    words = torch.tensor([[[0, 2, 4], [0, 2, 5]], [[1, 2, 4], [5, 5, 5]]])
    assert trie.decode(words).tolist() == [[1, 0], [-1, -1]]
    assert walk(trie, 1, 2).item() == trie.dead
    assert not trie.allowed(walk(trie, 1, 2, 4)).any()
    assert trie.skus(walk(trie, 0, 2)).tolist() == [-1]
    assert trie.step(torch.tensor([ROOT]), torch.tensor([-1])).item() == trie.dead


def test_skus_that_are_not_allowed_have_no_path() -> None:
    trie = Trie(CODES, SIZE, np.array([True, False, False, True]))
    assert trie.decode(torch.from_numpy(CODES)).tolist() == [0, -1, -1, 3]
    assert trie.allowed(torch.tensor([ROOT])).nonzero()[:, 1].tolist() == [0]


def test_nothing_allowed() -> None:
    trie = Trie(CODES, SIZE, np.zeros(4, bool))
    assert not trie.allowed(torch.tensor([ROOT])).any()
    assert trie.decode(torch.from_numpy(CODES)).tolist() == [-1] * 4


def test_a_row_forbids_its_own_skus_only(trie: Trie) -> None:
    nodes = torch.cat([walk(trie, 0, 2), walk(trie, 0, 2), walk(trie, 1, 3)])
    scores = torch.zeros(3, SIZE)
    # SKU 3 ends with the same token as SKU 1, after another beginning.
    trie.forbid(scores, nodes, torch.tensor([[1, -1], [3, 0], [-1, -1]]))
    assert torch.nonzero(scores.isinf()).tolist() == [[0, 4], [1, 5]]


def test_two_skus_with_one_word_are_refused() -> None:
    with pytest.raises(RegistryError, match="same item tokens"):
        Trie(CODES[[0, 1, 0]], SIZE)
