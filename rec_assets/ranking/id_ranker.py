"""Ranking by beams, where SKUs are written as words of id tokens."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import pandas as pd
import torch
from tqdm import tqdm

from rec_assets.files import read_json, read_table
from rec_assets.generation.id_folder import model_vocabulary
from rec_assets.generation.id_model import IdLanguageModel
from rec_assets.generation.id_rows import IdRowEncoder
from rec_assets.generation.item_tokens import Ints, ItemTokens
from rec_assets.generation.schemes import load_item_tokens
from rec_assets.params import Ranking
from rec_assets.ranking.registered import RegisteredSkus, prompt_encoder
from rec_assets.recommender.model import SkuLanguageModel
from rec_assets.recommender.storage import load_recommender
from rec_assets.recommender.top import Top


class IdRanker(RegisteredSkus):
    """Finds the most probable words of SKUs for prompts. Nothing but an SKU of the registry can come out.

    Parameters
    ----------
    model
        A recommender of id tokens.
    tokens
        The words of the ``n`` SKUs.
    encoder
        Turns prompt rows into token rows of such words.
    registry
        The SKU registry, ``n`` rows.
    settings
        Budget of a forward pass, and beams.
    """

    def __init__(
        self,
        model: SkuLanguageModel,
        tokens: ItemTokens,
        encoder: IdRowEncoder,
        registry: pd.DataFrame,
        settings: Ranking,
    ) -> None:
        super().__init__(registry)
        self._model = model
        self._tokens = tokens
        self._encoder = encoder
        self._settings = settings

    @classmethod
    def load(cls, recommender: Path, base: Path, vocabulary: Path, settings: Ranking) -> Self:
        """Load model, words, registry and tokenizer from their folders."""
        registry = read_table(vocabulary / "registry.parquet")
        ids = model_vocabulary(vocabulary)
        tokens = load_item_tokens(ids)
        words = read_json(ids / "vocabulary.json")["words"]
        encoder = IdRowEncoder(prompt_encoder(base, registry), words, tokens)
        return cls(load_recommender(recommender, base, ids), tokens, encoder, registry, settings)

    def top(
        self,
        prompts: pd.DataFrame,
        k: int,
        barred: torch.Tensor,
        masked: Sequence[Sequence[str]] | None = None,
    ) -> Iterator[Top]:
        """Yield each prompt's ``k`` most probable SKUs among those that ``max(k, ranking.beams)`` beams find.

        Parameters
        ----------
        prompts
            Rows of ``prompts/*.parquet``.
        k
            Length of a list; shorter where fewer SKUs are found.
        barred
            ``(n,)``: SKUs that no list may hold.
        masked
            For each prompt, further SKUs its list may not hold (what the customer already bought).
        """
        return self._found(prompts, k, max(k, self._settings.beams), barred, masked, "ranking")

    def both(
        self,
        prompts: pd.DataFrame,
        k: int,
        barred: torch.Tensor,
        masked: Sequence[Sequence[str]],
        title: str = "ranking",
    ) -> tuple[list[Top], list[Top]]:
        """Give lists without and with ``masked``, both of at most ``ranking.beams`` SKUs."""
        beams = self._settings.beams
        kept = list(self._found(prompts, k, beams, barred, None, title))
        return kept, list(self._found(prompts, k, beams, barred, masked, title))

    def _words(self, barred: torch.Tensor, rows_each: int) -> IdLanguageModel:
        """Give the model without the SKUs barred, for prompts that go on as so many rows each."""
        budget = max(1, self._settings.batch_tokens // rows_each)
        return IdLanguageModel(self._model, self._tokens, ~barred.numpy(), budget)

    def _found(
        self,
        prompts: pd.DataFrame,
        k: int,
        beams: int,
        barred: torch.Tensor,
        masked: Sequence[Sequence[str]] | None,
        title: str,
    ) -> Iterator[Top]:
        rows = self._encoder.encode(prompts)
        tops = self._words(barred, beams).top(rows, k, beams, self._masked(masked))
        yield from tqdm(tops, title, len(rows), unit="customer", leave=False)

    def _masked(self, masked: Sequence[Sequence[str]] | None) -> list[Ints] | None:
        return None if masked is None else [self.indices(skus) for skus in masked]
