"""Sampled chains: several ways a customer's next purchases may go, each read one SKU after the other."""

from dataclasses import dataclass

import torch
from torch import Tensor

from rec_assets.errors import ParamsError
from rec_assets.generation.decoding import CachedDecoder
from rec_assets.generation.trie import ROOT, Trie


@dataclass(frozen=True)
class Sampling:
    """How chains are drawn.

    Parameters
    ----------
    chains
        Chains a customer.
    length
        SKUs a chain.
    temperature
        Logits are divided by it: below 1 the probable becomes more probable.
    top_k
        Tokens drawn from at each step; None: all.
    top_p
        Of these, the fewest that have so much of the probability (nucleus sampling, arXiv 1904.09751).

    Raises
    ------
    ParamsError
        When a value is out of its range.
    """

    chains: int = 4
    length: int = 10
    temperature: float = 0.7
    top_k: int | None = 950
    top_p: float = 0.9

    def __post_init__(self) -> None:
        right = {
            "chains must be at least 1": self.chains >= 1,
            "length must be at least 1": self.length >= 1,
            "temperature must be above 0": self.temperature > 0,
            "top_k must be at least 1": self.top_k is None or self.top_k >= 1,
            "top_p must be above 0 and at most 1": 0 < self.top_p <= 1,
        }
        for wrong in (rule for rule, holds in right.items() if not holds):
            raise ParamsError(f"Sampled chains: {wrong}.", "Change that option.")


@torch.inference_mode()
def sample_chains(
    decoder: CachedDecoder,
    trie: Trie,
    input_ids: Tensor,
    lengths: Tensor,
    sampling: Sampling,
    generator: torch.Generator,
    barred: Tensor | None = None,
) -> Tensor:
    """Draw chains for a batch of customers at once.

    Parameters
    ----------
    decoder
        Reads prompts and scores id tokens.
    trie
        Words of the SKUs that may come out.
    input_ids, lengths
        Prompts ``(B, T)``, padded on the right, and their real lengths ``(B,)``.
    sampling
        Number, length and temper of the chains.
    generator
        Decides every draw; on the device of the prompts.
    barred
        ``(B, S)``: SKUs that a customer's chains may not hold, padded with -1.

    Returns
    -------
    torch.Tensor
        ``(B, chains, length)``: ``sku_index``, none twice in a chain; -1 where no SKU was left.
    """
    logits = decoder.begin(input_ids, lengths)
    customers = torch.arange(len(input_ids), device=logits.device).repeat_interleave(sampling.chains)
    decoder.select(customers)
    logits = logits[customers]  # (R, C), R = B * chains
    used = torch.full((len(customers), 0), -1, device=logits.device)
    kept_out = used if barred is None else barred[customers]
    for drawn in range(sampling.length):
        nodes = torch.full_like(customers, ROOT)
        for place in range(trie.length):
            scores = logits.masked_fill(~trie.allowed(nodes), -torch.inf)
            if place == trie.length - 1:
                trie.forbid(scores, nodes, torch.cat([kept_out, used], dim=1))
            tokens = draw(scores, sampling, generator)
            nodes = trie.step(nodes, tokens)
            if drawn < sampling.length - 1 or place < trie.length - 1:
                logits = decoder.advance(tokens.clamp(min=0))
        used = torch.cat([used, trie.skus(nodes)[:, None]], dim=1)
    return used.view(len(input_ids), sampling.chains, sampling.length)


def draw(scores: Tensor, sampling: Sampling, generator: torch.Generator) -> Tensor:
    """Draw one token a row: temperature, then top-k, then top-p.

    Parameters
    ----------
    scores
        ``(R, C)``: logits, -inf for what may not come.

    Returns
    -------
    torch.Tensor
        ``(R,)``: tokens; -1 where none may come.
    """
    size = scores.shape[1]
    values, tokens = scores.topk(min(sampling.top_k or size, size), sorted=True)
    possible = values[:, :1].isfinite()
    shares = (values.masked_fill(~possible, 0.0) / sampling.temperature).softmax(-1)
    before = shares.cumsum(-1) - shares
    shares = shares.masked_fill(before >= sampling.top_p, 0.0)
    place = torch.multinomial(shares, 1, generator=generator)
    return torch.where(possible, tokens.gather(1, place), -1).squeeze(1)
