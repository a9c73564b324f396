"""The ranker that fits a model: one pass over SKU tokens, or beams over words of id tokens."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pandas as pd
import torch

from rec_assets.generation.id_folder import scheme_of
from rec_assets.params import Ranking
from rec_assets.ranking.id_ranker import IdRanker
from rec_assets.ranking.one_pass import OnePassRanker
from rec_assets.recommender.top import Top


class Ranker(Protocol):
    """Ranks SKUs of a registry for prompts."""

    @property
    def registry(self) -> pd.DataFrame:
        """The SKU registry, ``n`` rows."""
        ...

    def barred(self, allowed: set[str] | None = None, *, retired: bool = True) -> torch.Tensor:
        """``(n,)``: True for SKUs that no list may hold: ``retired`` today, or outside ``allowed``."""
        ...

    def top(
        self,
        prompts: pd.DataFrame,
        k: int,
        barred: torch.Tensor,
        masked: Sequence[Sequence[str]] | None = None,
    ) -> Iterator[Top]:
        """Yield each prompt's ``k`` best SKUs that are neither barred nor in its own list of masked ones."""
        ...

    def both(
        self,
        prompts: pd.DataFrame,
        k: int,
        barred: torch.Tensor,
        masked: Sequence[Sequence[str]],
        title: str = "ranking",
    ) -> tuple[list[Top], list[Top]]:
        """Give the lists with everything allowed, and those without what is masked."""
        ...


def load_ranker(
    recommender: Path,
    base: Path,
    vocabulary: Path,
    settings: Ranking,
    sales: pd.DataFrame | None = None,
) -> Ranker:
    """Load a trained model with the ranker that its vocabulary asks for.

    Parameters
    ----------
    recommender, base, vocabulary
        Folders of the model: the workspace's, or a stored version's.
    settings
        Section ``ranking``.
    sales
        Everybody's purchases ``sku, timestamp`` to count popularity in; None: as of the model's training.

    Raises
    ------
    RegistryError
        When files are missing or do not fit together.
    """
    if scheme_of(vocabulary) == "sku":
        return OnePassRanker.load(recommender, base, vocabulary, settings, sales)
    return IdRanker.load(recommender, base, vocabulary, settings)
