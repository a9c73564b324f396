import numpy as np
import pytest
import torch
from architectures import VOCABULARY
from architectures import build as tiny

from rec_assets.errors import ParamsError
from rec_assets.generation.chains import Sampling, draw, sample_chains
from rec_assets.generation.decoding import CachedDecoder
from rec_assets.generation.trie import Trie

FIRST, SIZE = 100, VOCABULARY - 100
PROMPTS, LENGTHS = torch.tensor([[5, 7, 9], [8, 6, 0]]), torch.tensor([3, 2])
ONE_TOKEN = np.arange(SIZE)[:, None]
TWO_TOKENS = np.array([[0, 6], [0, 7], [1, 6], [2, 8], [2, 9]])


def chains(codes: np.ndarray, sampling: Sampling, seed: int = 0, barred: torch.Tensor | None = None):
    decoder = CachedDecoder.of_causal(tiny("llama"), FIRST, SIZE)
    generator = torch.Generator().manual_seed(seed)
    return sample_chains(decoder, Trie(codes, SIZE), PROMPTS, LENGTHS, sampling, generator, barred)


@pytest.mark.parametrize("codes", [ONE_TOKEN, TWO_TOKENS], ids=["one token", "two tokens"])
def test_a_chain_holds_no_sku_twice(codes: np.ndarray) -> None:
    drawn = chains(codes, Sampling(chains=6, length=len(codes), temperature=3.0, top_p=1.0))
    assert drawn.shape == (2, 6, len(codes))
    for chain in drawn.flatten(0, 1).tolist():
        real = [sku for sku in chain if sku >= 0]
        assert len(real) == len(set(real))
        assert real
    if codes is ONE_TOKEN:  # never at a loss: each chain is the whole catalogue
        assert (drawn.sort(-1).values == torch.arange(SIZE)).all()


def test_the_seed_decides() -> None:
    sampling = Sampling(chains=3, length=5, temperature=2.0, top_p=1.0)
    first, again, other = (chains(ONE_TOKEN, sampling, seed) for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


@pytest.mark.parametrize(
    "narrow", [Sampling(2, 4, temperature=1e-4), Sampling(2, 4, top_k=1), Sampling(2, 4, top_p=1e-6)]
)
def test_without_freedom_a_chain_is_greedy(narrow: Sampling) -> None:
    model, drawn = tiny("llama"), chains(ONE_TOKEN, narrow)
    for prompt, length, own in zip(PROMPTS, LENGTHS, drawn, strict=True):
        ids = prompt[:length].tolist()
        for _ in range(4):
            with torch.no_grad():
                logits = model(torch.tensor([ids])).logits[0, -1, FIRST:]
            logits[[token - FIRST for token in ids if token >= FIRST]] = -torch.inf
            ids.append(FIRST + int(logits.argmax()))
        assert own.tolist() == [[token - FIRST for token in ids[length:]]] * 2


def test_barred_skus_come_in_no_chain_of_their_customer() -> None:
    barred = torch.tensor([[0, 1, 2], [5, -1, -1]])
    drawn = chains(ONE_TOKEN, Sampling(8, 9, temperature=5.0, top_p=1.0), barred=barred)
    assert not set(drawn[0].flatten().tolist()) & {0, 1, 2}
    assert 5 not in drawn[1]
    assert {0, 1, 2} & set(drawn[1].flatten().tolist())


def test_draws_follow_temperature_top_k_and_top_p() -> None:
    scores = torch.log(torch.tensor([0.4, 0.3, 0.2, 0.1, 0.0])).expand(40_000, 5)

    def shares(**settings: float) -> list[float]:
        sampling = Sampling(**{"temperature": 1.0, "top_k": None, "top_p": 1.0} | settings)
        tokens = draw(scores, sampling, torch.Generator().manual_seed(0))
        return (torch.bincount(tokens, minlength=5) / len(tokens)).tolist()

    assert shares() == pytest.approx([0.4, 0.3, 0.2, 0.1, 0], abs=0.01)
    assert shares(temperature=0.5) == pytest.approx([16 / 30, 9 / 30, 4 / 30, 1 / 30, 0], abs=0.01)
    assert shares(top_k=2) == pytest.approx([4 / 7, 3 / 7, 0, 0, 0], abs=0.01)
    assert shares(top_p=0.75) == pytest.approx([4 / 9, 3 / 9, 2 / 9, 0, 0], abs=0.01)
    assert shares(top_p=0.65) == pytest.approx([4 / 7, 3 / 7, 0, 0, 0], abs=0.01)


def test_nothing_to_draw_from() -> None:
    scores = torch.full((1, 3), -torch.inf)
    assert draw(scores, Sampling(), torch.Generator()).tolist() == [-1]


@pytest.mark.parametrize(
    "wrong",
    [{"chains": 0}, {"length": 0}, {"temperature": 0.0}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.1}],
)
def test_impossible_settings_are_named(wrong: dict) -> None:
    with pytest.raises(ParamsError, match=next(iter(wrong))):
        Sampling(**wrong)
