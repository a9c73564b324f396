"""One forward pass, one product with the trimmed head, one top-k: a ranked catalogue for each customer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from tokenizers import Tokenizer
from tqdm import tqdm
from transformers import AutoConfig

from rec_assets import columns as c
from rec_assets.files import read_table
from rec_assets.recommender.batches import LengthBatches, collate, last_positions
from rec_assets.recommender.model import SkuLanguageModel
from rec_assets.recommender.storage import load_recommender
from rec_assets.vocabulary.token_rows import RowEncoder


@dataclass(frozen=True)
class Top:
    """The best SKUs for one customer, best first.

    Parameters
    ----------
    place
        Index of the prompt.
    skus
        ``(k,)``: ``sku_index``.
    scores
        ``(k,)``: logits.
    """

    place: int
    skus: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]


class OnePassRanker:
    """Ranks every SKU for prompts. Nothing but an SKU of the registry can come out.

    Parameters
    ----------
    model
        A recommender as :func:`load_recommender` gives it.
    encoder
        Turns prompt rows into token rows.
    registry
        The SKU registry, ``n`` rows.
    batch_tokens
        Budget of a forward pass.
    """

    def __init__(
        self, model: SkuLanguageModel, encoder: RowEncoder, registry: pd.DataFrame, batch_tokens: int
    ) -> None:
        self.registry = registry
        self._model = model.to("cuda" if torch.cuda.is_available() else "cpu")
        self._head = self._model.head().T.contiguous()  # (d, n)
        self._encoder = encoder
        self._batch_tokens = batch_tokens
        self._index = pd.Series(registry[c.SKU_INDEX].to_numpy(), index=registry[c.SKU])

    @classmethod
    def load(cls, recommender: Path, base: Path, vocabulary: Path, batch_tokens: int) -> "OnePassRanker":
        """Load model, registry and tokenizer from their folders."""
        registry = read_table(vocabulary / "registry.parquet")
        config = AutoConfig.from_pretrained(base, local_files_only=True).get_text_config()
        tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
        start = config.bos_token_id if config.bos_token_id is not None else 0
        encoder = RowEncoder(tokenizer, registry, config.vocab_size, start)
        return cls(load_recommender(recommender, base, vocabulary), encoder, registry, batch_tokens)

    def indices(self, skus: Sequence[str]) -> npt.NDArray[np.int64]:
        """``sku_index`` of SKUs; those the registry does not know are left out."""
        found = self._index.reindex(list(skus)).dropna()
        return found.to_numpy(dtype=np.int64)

    def barred(self, allowed: set[str] | None = None, *, retired: bool = True) -> torch.Tensor:
        """``(n,)``: True for SKUs that no list may hold: ``retired`` today, or outside ``allowed``."""
        barred = self.registry[c.RETIRED].to_numpy(copy=True) & retired
        if allowed is not None:
            barred |= ~self.registry[c.SKU].isin(allowed).to_numpy()
        return torch.from_numpy(barred)

    @torch.inference_mode()
    def scores(
        self, prompts: pd.DataFrame, title: str = "ranking"
    ) -> Iterator[tuple[list[int], torch.Tensor]]:
        """Yield ``(places, scores)`` a batch: indices of prompts, and logits ``(B, n)`` over all SKUs."""
        rows = self._encoder.encode(prompts)
        batches = LengthBatches([len(row.ids) for row in rows], self._batch_tokens, seed=None)
        device = self._head.device
        with tqdm(total=len(rows), desc=title, unit="customer", leave=False) as bar:
            for batch in batches:
                chosen = [rows[place] for place in batch]
                states = self._model.last_states(
                    collate(chosen)["input_ids"].to(device), last_positions(chosen).to(device)
                )
                yield batch, states @ self._head
                bar.update(len(batch))

    def top(
        self,
        prompts: pd.DataFrame,
        k: int,
        barred: torch.Tensor,
        masked: Sequence[Sequence[str]] | None = None,
    ) -> Iterator[Top]:
        """Yield each prompt's ``k`` best SKUs.

        Parameters
        ----------
        prompts
            Rows of ``prompts/*.parquet``.
        k
            Length of a list; shorter where fewer SKUs are allowed.
        barred
            ``(n,)``: SKUs that no list may hold.
        masked
            For each prompt, further SKUs its list may not hold (what the customer already bought).
        """
        for places, scores in self.scores(prompts):
            yield from self.cut(places, scores, k, barred, masked)

    def cut(
        self,
        places: list[int],
        scores: torch.Tensor,
        k: int,
        barred: torch.Tensor,
        masked: Sequence[Sequence[str]] | None = None,
    ) -> Iterator[Top]:
        """Top-k of one batch of :meth:`scores`, best first; equal scores in order of ``sku_index``."""
        allowed = scores.masked_fill(barred.to(scores.device), -torch.inf)
        if masked is not None:
            for row, place in enumerate(places):
                allowed[row, torch.from_numpy(self.indices(masked[place])).to(scores.device)] = -torch.inf
        best = allowed.topk(min(k, allowed.shape[1]), sorted=True)
        values = best.values.float().cpu().numpy()
        skus = best.indices.cpu().numpy()
        for row, place in enumerate(places):
            order = np.lexsort((skus[row], -values[row]))
            order = order[np.isfinite(values[row][order])]
            yield Top(place, skus[row][order], values[row][order])
