"""One forward pass, one product with the trimmed head, one top-k: a ranked catalogue for each customer."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from rec_assets import columns as c
from rec_assets.backbone.precision import reading
from rec_assets.errors import RegistryError
from rec_assets.files import read_table
from rec_assets.generation.id_folder import scheme_of
from rec_assets.params import Precision, Ranking
from rec_assets.ranking.registered import RegisteredSkus, prompt_encoder
from rec_assets.recommender.batches import LengthBatches
from rec_assets.recommender.bought import bought_last
from rec_assets.recommender.counted import Counted
from rec_assets.recommender.last_states import last_states
from rec_assets.recommender.model import SkuLanguageModel
from rec_assets.recommender.storage import load_counted, load_recommender
from rec_assets.recommender.top import Top
from rec_assets.vocabulary.token_rows import RowEncoder, TokenRow


class OnePassRanker(RegisteredSkus):
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
    precision
        As ``ranking.precision``.
    counted
        What is added to the model's scores; None: nothing.

    Attributes
    ----------
    head
        ``(d, n)``: a column per SKU.
    """

    def __init__(
        self,
        model: SkuLanguageModel,
        encoder: RowEncoder,
        registry: pd.DataFrame,
        batch_tokens: int,
        precision: Precision = "auto",
        counted: Counted | None = None,
    ) -> None:
        super().__init__(registry)
        self._counted = counted or Counted()
        self.model = model.to("cuda" if torch.cuda.is_available() else "cpu")
        self.head = self.model.head().T.contiguous()  # (d, n)
        self._encoder = encoder
        self._batch_tokens = batch_tokens
        self._precision: Precision = precision

    @classmethod
    def load(
        cls,
        recommender: Path,
        base: Path,
        vocabulary: Path,
        settings: Ranking,
        sales: pd.DataFrame | None = None,
    ) -> Self:
        """Load model, registry and tokenizer from their folders.

        Parameters
        ----------
        recommender, base, vocabulary
            Folders of the model.
        settings
            Budget of a forward pass, its number format, and what is added to the model's scores.
        sales
            Everybody's purchases ``sku, timestamp`` to count popularity in; None: as of the model's training.

        Raises
        ------
        RegistryError
            When files are missing or do not fit together, or the model writes SKUs as words of id tokens.
        """
        if (scheme := scheme_of(vocabulary)) != "sku":
            raise RegistryError(
                f"{vocabulary} writes SKUs as words of {scheme}: no one pass scores them all.",
                "Set vocabulary.item_tokens: sku and run the pipeline from vocabulary on.",
            )
        registry = read_table(vocabulary / "registry.parquet")
        encoder = prompt_encoder(base, registry)
        model = load_recommender(recommender, base, vocabulary)
        counted = load_counted(recommender, len(registry), settings)
        if sales is not None:
            counted = replace(counted, demand=counted.demand.renewed(sales, registry[c.SKU]))
        return cls(model, encoder, registry, settings.batch_tokens, settings.precision, counted)

    @torch.inference_mode()
    def scores(
        self, prompts: pd.DataFrame, title: str = "ranking"
    ) -> Iterator[tuple[list[int], torch.Tensor]]:
        """Yield ``(places, scores)`` a batch: indices of prompts, and logits ``(B, n)`` over all SKUs."""
        rows = self._encoder.encode(prompts)
        for batch, states in self._passes(rows, title):
            scores = states @ self.head
            self._counted.mix(scores, [bought_last(rows[place].ids, self.model.words) for place in batch])
            yield batch, scores

    @torch.inference_mode()
    def states(
        self, prompts: pd.DataFrame, title: str = "ranking"
    ) -> Iterator[tuple[list[int], torch.Tensor]]:
        """Yield ``(places, states)`` a batch: indices of prompts, and what ranks them, ``(B, d)``."""
        yield from self._passes(self._encoder.encode(prompts), title)

    def _passes(self, rows: list[TokenRow], title: str) -> Iterator[tuple[list[int], torch.Tensor]]:
        batches = LengthBatches([len(row.ids) for row in rows], self._batch_tokens, seed=None)
        device = self.head.device
        with tqdm(total=len(rows), desc=title, unit="customer", leave=False) as bar:
            for batch in batches:
                with reading(device, self._precision):
                    states = last_states(self.model, [rows[place] for place in batch])
                yield batch, states
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

    def both(
        self,
        prompts: pd.DataFrame,
        k: int,
        barred: torch.Tensor,
        masked: Sequence[Sequence[str]],
        title: str = "ranking",
    ) -> tuple[list[Top], list[Top]]:
        """Give the lists of :meth:`top` without and with ``masked``, read off the same passes."""
        kept: list[Top] = []
        cut: list[Top] = []
        for places, scores in self.scores(prompts, title):
            kept.extend(self.cut(places, scores, k, barred))
            cut.extend(self.cut(places, scores, k, barred, masked))
        return kept, cut

    def cut(
        self,
        places: list[int],
        scores: torch.Tensor,
        k: int,
        barred: torch.Tensor,
        masked: Sequence[Sequence[str]] | None = None,
    ) -> Iterator[Top]:
        """Top-k of one batch of :meth:`scores`, best first; its equal scores in order of ``sku_index``."""
        allowed = scores.masked_fill(barred.to(scores.device), -torch.inf)
        if masked is not None:
            row, sku = self.cells([masked[place] for place in places])
            allowed[row.to(scores.device), sku.to(scores.device)] = -torch.inf
        best = allowed.topk(min(k, allowed.shape[1]), sorted=True)
        values = best.values.float().cpu().numpy()
        skus = best.indices.cpu().numpy()
        order = np.lexsort((skus, -values))  # (B, k): of every row
        values, skus = np.take_along_axis(values, order, axis=1), np.take_along_axis(skus, order, axis=1)
        lengths = np.isfinite(values).sum(axis=1)  # what is barred comes last
        for place, length, row, score in zip(places, lengths.tolist(), skus, values, strict=True):
            yield Top(place, row[:length], score[:length])
