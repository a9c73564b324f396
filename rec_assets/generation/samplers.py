"""Samplers of chains around the rankers: SKU by SKU, or id token by id token."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pandas as pd
import torch

from rec_assets.generation.chains import Sampling, sample_chains
from rec_assets.generation.decoding import CachedDecoder
from rec_assets.generation.id_folder import scheme_of
from rec_assets.generation.id_model import padded
from rec_assets.generation.item_tokens import Ints, SkuTokens
from rec_assets.generation.trie import Trie
from rec_assets.params import Ranking
from rec_assets.ranking.id_ranker import IdRanker
from rec_assets.ranking.loading import Ranker
from rec_assets.ranking.one_pass import OnePassRanker
from rec_assets.recommender.batches import LengthBatches, collate, last_positions


class Sampler(Ranker, Protocol):
    """A ranker that also draws chains."""

    def chains(
        self,
        prompts: pd.DataFrame,
        sampling: Sampling,
        seed: int,
        barred: torch.Tensor,
        masked: Sequence[Sequence[str]] | None = None,
    ) -> Ints:
        """Draw chains for every prompt, see :meth:`ChainSampler.chains`."""
        ...


class ChainSampler(OnePassRanker):
    """Samples SKUs from the recommender one after the other, each read before the next is drawn."""

    def chains(
        self,
        prompts: pd.DataFrame,
        sampling: Sampling,
        seed: int,
        barred: torch.Tensor,
        masked: Sequence[Sequence[str]] | None = None,
    ) -> Ints:
        """Draw chains for every prompt.

        Parameters
        ----------
        prompts
            Rows of ``prompts/*.parquet``.
        sampling
            Number, length and temper of the chains.
        seed
            Of every draw; the same prompts and seed give the same chains.
        barred
            ``(n,)``: SKUs that no chain may hold.
        masked
            For each prompt, further SKUs its chains may not hold.

        Returns
        -------
        numpy.ndarray
            ``(B, chains, length)``: ``sku_index``, none twice in a chain; -1 where no SKU was left.
        """
        device = self.head.device
        tokens = SkuTokens(len(self.registry))
        trie = Trie(tokens.codes, tokens.size, ~barred.numpy()).to(device)
        decoder = CachedDecoder.of_items(self.model, self.head.T)
        generator = torch.Generator(device).manual_seed(seed)
        rows = self._encoder.encode(prompts)
        drawn = torch.full((len(rows), sampling.chains, sampling.length), -1)
        budget = max(1, self._batch_tokens // sampling.chains)
        for batch in LengthBatches([len(row.ids) for row in rows], budget, seed=None):
            chosen = [rows[place] for place in batch]
            ids = collate(chosen)["input_ids"].to(device)
            lengths = (last_positions(chosen) + 1).to(device)
            seen = None if masked is None else padded([self.indices(masked[at]) for at in batch]).to(device)
            drawn[batch] = sample_chains(decoder, trie, ids, lengths, sampling, generator, seen).cpu()
        return drawn.numpy()


class IdChainSampler(IdRanker):
    """Samples words of id tokens, each SKU read before the next is drawn."""

    def chains(
        self,
        prompts: pd.DataFrame,
        sampling: Sampling,
        seed: int,
        barred: torch.Tensor,
        masked: Sequence[Sequence[str]] | None = None,
    ) -> Ints:
        """Draw chains for every prompt, see :meth:`ChainSampler.chains`."""
        words = self._words(barred, sampling.chains)
        return words.chains(self._encoder.encode(prompts), sampling, seed, self._masked(masked))


def load_sampler(recommender: Path, base: Path, vocabulary: Path, settings: Ranking) -> Sampler:
    """Load a trained model with the sampler that its vocabulary asks for.

    Parameters
    ----------
    recommender, base, vocabulary
        Folders of the model.
    settings
        Budget of a forward pass.

    Raises
    ------
    RegistryError
        When files are missing or do not fit together.
    """
    if scheme_of(vocabulary) == "sku":
        return ChainSampler.load(recommender, base, vocabulary, settings)
    return IdChainSampler.load(recommender, base, vocabulary, settings)
