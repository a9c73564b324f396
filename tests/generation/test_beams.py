import itertools

import numpy as np
import pytest
import torch
from architectures import VOCABULARY
from architectures import build as tiny

from rec_assets.generation.beams import beam_search
from rec_assets.generation.decoding import CachedDecoder
from rec_assets.generation.trie import Trie

FIRST, SIZE = 100, VOCABULARY - 100
PROMPTS, LENGTHS = torch.tensor([[5, 7, 9], [8, 6, 0]]), torch.tensor([3, 2])


@pytest.fixture
def codes() -> np.ndarray:
    """Forty of the sixty-four words over four tokens at each of three places."""
    every = np.array(list(itertools.product(range(4), range(4, 8), range(8, 12))))
    return np.random.default_rng(0).permutation(every)[:40]


@pytest.fixture
def decoder() -> CachedDecoder:
    return CachedDecoder.of_causal(tiny("llama"), FIRST, SIZE)


@torch.no_grad()
def exhaustive(codes: np.ndarray) -> torch.Tensor:
    """Log-probability (2, 40) of every word after each prompt, read whole."""
    model = tiny("llama")
    words = torch.from_numpy(codes) + FIRST
    scores = []
    for row, length in zip(PROMPTS, LENGTHS, strict=True):
        ids = torch.cat([row[:length].expand(len(words), -1), words], dim=1)
        logits = model(ids).logits[:, length - 1 : -1, FIRST:]
        # Each place has four tokens of its own.
        steps = torch.stack(
            [logits[:, p].masked_fill(torch.arange(SIZE) // 4 != p, -torch.inf) for p in range(3)], dim=1
        ).log_softmax(-1)
        scores.append(steps.gather(2, torch.from_numpy(codes)[..., None]).sum((1, 2)))
    return torch.stack(scores)


def test_enough_beams_find_the_best_words_in_order(decoder: CachedDecoder, codes: np.ndarray) -> None:
    found = beam_search(decoder, Trie(codes, SIZE), PROMPTS, LENGTHS, beams=64)
    expected = exhaustive(codes).sort(descending=True)
    assert found.skus[:, :40].tolist() == expected.indices.tolist()
    assert (found.skus[:, 40:] == -1).all()
    torch.testing.assert_close(found.scores[:, :40], expected.values, rtol=1e-4, atol=1e-4)


def test_few_beams_give_real_skus_with_their_own_scores(decoder: CachedDecoder, codes: np.ndarray) -> None:
    found = beam_search(decoder, Trie(codes, SIZE), PROMPTS, LENGTHS, beams=5)
    assert found.skus.shape == (2, 5)
    torch.testing.assert_close(found.scores, exhaustive(codes).gather(1, found.skus), rtol=1e-4, atol=1e-4)
    assert all(len(set(row)) == 5 for row in found.skus.tolist())


def test_words_of_one_token_are_one_pass(decoder: CachedDecoder) -> None:
    codes = np.arange(SIZE)[:, None]
    found = beam_search(decoder, Trie(codes, SIZE), PROMPTS, LENGTHS, beams=4)
    logits = decoder.begin(PROMPTS, LENGTHS)
    assert found.skus.tolist() == logits.topk(4).indices.tolist()


def test_barred_skus_make_way_for_the_next(decoder: CachedDecoder, codes: np.ndarray) -> None:
    order = exhaustive(codes).argsort(descending=True)
    barred = torch.stack([order[0, [0, 2]], torch.tensor([order[1, 1], -1])])
    found = beam_search(decoder, Trie(codes, SIZE), PROMPTS, LENGTHS, beams=64, barred=barred)
    for row, best, gone in zip(found.skus.tolist(), order.tolist(), barred.tolist(), strict=True):
        left = [sku for sku in best if sku not in gone]
        assert row[: len(left)] == left
        assert set(row[len(left) :]) == {-1}
