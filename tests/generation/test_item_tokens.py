"""Every scheme writes SKUs as words of their own, reads them back, and never moves one."""

from pathlib import Path

import numpy as np
import pytest
import torch

from rec_assets.errors import ParamsError, RegistryError
from rec_assets.generation.digits import DigitTokens
from rec_assets.generation.schemes import SCHEMES, item_tokens, load_item_tokens, save_item_tokens
from rec_assets.generation.semantic_ids import SemanticTokens
from rec_assets.generation.trie import Trie


@pytest.fixture
def titles() -> np.ndarray:
    """Ninety titles about nine subjects; the last three are equal."""
    random = np.random.default_rng(3)
    subjects = random.normal(size=(9, 8)) * 10
    rows = subjects[np.arange(90) % 9] + random.normal(size=(90, 8))
    rows[-3:] = rows[-1]
    return rows.astype(np.float32)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_words_differ_and_are_read_back(scheme: str, titles: np.ndarray) -> None:
    tokens = item_tokens(scheme, titles, seed=1)
    assert tokens.scheme == scheme
    assert len(np.unique(tokens.codes, axis=0)) == 90
    assert tokens.codes.min() >= 0
    assert tokens.codes.max() < tokens.size
    read = Trie(tokens.codes, tokens.size).decode(torch.from_numpy(tokens.codes))
    assert read.tolist() == list(range(90))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_new_skus_move_no_old_one(scheme: str, titles: np.ndarray) -> None:
    young = item_tokens(scheme, titles[:60], seed=1)
    old = young.extended(titles)
    assert old.codes.shape[0] == 90
    np.testing.assert_array_equal(old.codes[:60], young.codes)
    assert len(np.unique(old.codes, axis=0)) == 90
    with pytest.raises(RegistryError, match="registry has 59"):
        old.extended(titles[:59])


def test_titles_of_later_shape_no_cluster(titles: np.ndarray) -> None:
    known = np.flatnonzero(np.arange(90) % 4 != 1)
    first = item_tokens("semantic", titles, seed=1, known=known)
    changed = titles.copy()
    changed[np.arange(90) % 4 == 1] *= -3
    second = item_tokens("semantic", changed, seed=1, known=known)
    np.testing.assert_array_equal(first.codes[known, :-1], second.codes[known, :-1])
    assert first.size == second.size
    everything = item_tokens("semantic", changed, seed=1)
    assert not np.array_equal(everything.codes[known, :-1], first.codes[known, :-1])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_they_survive_the_disk(scheme: str, titles: np.ndarray, tmp_path: Path) -> None:
    tokens = item_tokens(scheme, titles, seed=1)
    save_item_tokens(tokens, tmp_path)
    loaded = load_item_tokens(tmp_path)
    assert (loaded.scheme, loaded.size) == (tokens.scheme, tokens.size)
    np.testing.assert_array_equal(loaded.codes, tokens.codes)


def test_a_place_tells_its_digits_by_tokens_of_its_own() -> None:
    tokens = DigitTokens(12_101, group=1, length=5)
    assert tokens.codes[12_034].tolist() == [1, 10 + 2, 20 + 0, 30 + 3, 40 + 4]
    assert DigitTokens.fit(12_101, group=2).codes[12_034].tolist() == [1, 100 + 20, 200 + 34]
    assert DigitTokens.fit(12_101, group=3).length == 2


def test_digits_leave_room_to_grow_and_say_when_it_is_used_up() -> None:
    tokens = DigitTokens.fit(90, group=1)
    assert tokens.length == 3
    with pytest.raises(RegistryError, match="1,001 SKUs"):
        tokens.extended(np.zeros((1001, 1), np.float32))


def test_like_titles_begin_alike(titles: np.ndarray) -> None:
    tokens = SemanticTokens.fit(titles, levels=2, codes=9, seed=1)
    first = tokens.codes[:87, 0]
    assert len(np.unique(first)) == 9
    for subject in range(9):
        assert len(np.unique(first[np.arange(87) % 9 == subject])) == 1
    equal = tokens.words[-3:]
    assert (equal[:, :-1] == equal[0, :-1]).all()
    assert np.diff(equal[:, -1]).tolist() == [1, 1]  # told apart by the last token


def test_clusterings_repeat(titles: np.ndarray) -> None:
    first, second = (item_tokens("semantic", titles, seed=1) for _ in range(2))
    np.testing.assert_array_equal(first.codes, second.codes)


def test_a_full_word_goes_to_the_next_nearest_cluster() -> None:
    centroids = np.array([[[0.0], [1.0], [9.0]]], np.float32)
    empty = SemanticTokens(centroids, ties=2, words=np.empty((0, 2), np.int64))
    full = empty.extended(np.zeros((6, 1), np.float32))
    assert full.words.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]]
    with pytest.raises(RegistryError, match="used up"):
        full.extended(np.zeros((7, 1), np.float32))


def test_wrong_names_are_answered() -> None:
    with pytest.raises(ParamsError, match="semantic"):
        item_tokens("letters", np.zeros((2, 2), np.float32))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"item_tokens\.json"):
        load_item_tokens(tmp_path)
