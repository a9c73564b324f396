"""A recommender that writes an SKU as a word of id tokens, and ranks by beams instead of in one pass."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from rec_assets.generation.beams import beam_search
from rec_assets.generation.chains import Sampling, sample_chains
from rec_assets.generation.decoding import CachedDecoder
from rec_assets.generation.item_tokens import Ints, ItemTokens
from rec_assets.generation.schemes import load_item_tokens
from rec_assets.generation.trie import Trie
from rec_assets.recommender.batches import LengthBatches, collate, last_positions
from rec_assets.recommender.model import SkuLanguageModel
from rec_assets.recommender.storage import load_recommender
from rec_assets.recommender.top import Top
from rec_assets.vocabulary.token_rows import TokenRow


class IdLanguageModel:
    """The recommender's decoder around a vocabulary of id tokens, and the trie of the SKUs.

    Parameters
    ----------
    model
        A recommender built and trained around :func:`write_id_vocabulary`, with a loss at every id token.
    tokens
        The scheme it was trained with.
    allowed
        ``(n,)``: False for SKUs that must not come out; None: all may.
    batch_tokens
        Prompt tokens read at once; each prompt then goes on as one row a beam or chain.
    """

    def __init__(
        self,
        model: SkuLanguageModel,
        tokens: ItemTokens,
        allowed: npt.NDArray[np.bool_] | None = None,
        batch_tokens: int = 4096,
    ) -> None:
        self.tokens = tokens
        self.model = model.to("cuda" if torch.cuda.is_available() else "cpu")
        self._decoder = CachedDecoder.of_items(self.model)
        self._trie = Trie(tokens.codes, tokens.size, allowed).to(self.model.device)
        self._batch_tokens = batch_tokens

    @classmethod
    def load(
        cls,
        recommender: Path,
        base: Path,
        vocabulary: Path,
        allowed: npt.NDArray[np.bool_] | None = None,
        batch_tokens: int = 4096,
    ) -> "IdLanguageModel":
        """Load a trained model with its vocabulary of id tokens."""
        model = load_recommender(recommender, base, vocabulary)
        return cls(model, load_item_tokens(vocabulary), allowed, batch_tokens)

    def top(
        self, rows: Sequence[TokenRow], k: int, beams: int, masked: Sequence[Ints] | None = None
    ) -> Iterator[Top]:
        """Yield each prompt's ``k`` most probable SKUs among those ``beams`` found, best first.

        Parameters
        ----------
        rows
            Prompts, as :func:`with_item_tokens` writes them.
        masked
            For each prompt, ``sku_index`` of SKUs its list may not hold.
        """
        for batch, ids, lengths, barred in self._batches(rows, masked):
            found = beam_search(self._decoder, self._trie, ids, lengths, beams, barred)
            for row, place in enumerate(batch):
                kept = found.skus[row] >= 0
                skus, scores = found.skus[row][kept][:k], found.scores[row][kept][:k]
                yield Top(place, skus.cpu().numpy(), scores.cpu().numpy())

    def chains(
        self, rows: Sequence[TokenRow], sampling: Sampling, seed: int, masked: Sequence[Ints] | None = None
    ) -> Ints:
        """Draw chains for every prompt: ``(B, chains, length)``, see :func:`sample_chains`."""
        generator = torch.Generator(self.model.device).manual_seed(seed)
        drawn = np.full((len(rows), sampling.chains, sampling.length), -1, dtype=np.int64)
        for batch, ids, lengths, barred in self._batches(rows, masked):
            chains = sample_chains(self._decoder, self._trie, ids, lengths, sampling, generator, barred)
            drawn[batch] = chains.cpu().numpy()
        return drawn

    def _batches(
        self, rows: Sequence[TokenRow], masked: Sequence[Ints] | None
    ) -> Iterator[tuple[list[int], Tensor, Tensor, Tensor | None]]:
        device = self.model.device
        for batch in LengthBatches([len(row.ids) for row in rows], self._batch_tokens, seed=None):
            chosen = [rows[place] for place in batch]
            barred = None if masked is None else padded([masked[place] for place in batch]).to(device)
            ids = collate(chosen)["input_ids"].to(device)
            yield batch, ids, (last_positions(chosen) + 1).to(device), barred


def padded(lists: Sequence[Ints]) -> Tensor:
    """Put lists of ``sku_index`` into ``(B, S)``, padded with -1."""
    return pad_sequence(
        [torch.from_numpy(np.asarray(one, dtype=np.int64)) for one in lists],
        batch_first=True,
        padding_value=-1,
    )
