"""Beam search over the words of a trie: the most probable SKUs, and nothing but SKUs."""

from dataclasses import dataclass

import torch
from torch import Tensor

from rec_assets.generation.decoding import CachedDecoder
from rec_assets.generation.trie import ROOT, Trie


@dataclass(frozen=True)
class Beams:
    """The SKUs found for each prompt, best first.

    Parameters
    ----------
    skus
        ``(B, K)``: ``sku_index``; -1 where fewer were found.
    scores
        ``(B, K)``: log-probability of the word; -inf where there is none.
    """

    skus: Tensor
    scores: Tensor


@torch.inference_mode()
def beam_search(
    decoder: CachedDecoder,
    trie: Trie,
    input_ids: Tensor,
    lengths: Tensor,
    beams: int,
    barred: Tensor | None = None,
) -> Beams:
    """Find the most probable words; exact for words of one token.

    Probabilities are the model's own over all tokens that SKUs have at a place of their words, so a word is
    not favoured because few others begin like it, or may come out. Other tokens have no share: training knows
    no score of those that were never sold, so what the model gives them means nothing.

    All steps are in float32, without any generation configuration: one made for chat would filter candidates
    and starve the beams.

    Parameters
    ----------
    decoder
        Reads prompts and scores id tokens.
    trie
        Words of the SKUs that may come out.
    input_ids, lengths
        Prompts ``(B, T)``, padded on the right, and their real lengths ``(B,)``.
    beams
        Words ``K`` kept at every step.
    barred
        ``(B, S)``: further SKUs that a prompt's list may not hold, padded with -1.
    """
    logits = decoder.begin(input_ids, lengths)  # (B, C)
    batch = len(input_ids)
    nodes = torch.full((batch, 1), ROOT, device=logits.device)
    scores = torch.zeros((batch, 1), device=logits.device)
    for place in range(trie.length):
        width = nodes.shape[1]
        steps = logits.masked_fill(~trie.held(place), -torch.inf).log_softmax(-1)
        steps = steps.masked_fill(~trie.allowed(nodes.flatten()), -torch.inf)
        if barred is not None and place == trie.length - 1:
            trie.forbid(steps, nodes.flatten(), barred.repeat_interleave(width, 0))
        total = (scores[..., None] + steps.view(batch, width, -1)).flatten(1)  # (B, width * C)
        best = total.topk(min(beams, total.shape[1]), sorted=True)
        before = best.indices // trie.size
        tokens = best.indices % trie.size
        scores = best.values
        nodes = trie.step(nodes.gather(1, before), tokens)
        nodes = nodes.masked_fill(~scores.isfinite(), trie.dead)
        if place < trie.length - 1:
            row = torch.arange(batch, device=logits.device)[:, None] * width + before
            decoder.select(row.flatten())
            logits = decoder.advance(tokens.flatten())
    return Beams(trie.skus(nodes), scores)
