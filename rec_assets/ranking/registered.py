"""What every ranker knows of the registry: which SKU is where, and which may not come out."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from tokenizers import Tokenizer
from transformers import AutoConfig

from rec_assets import columns as c
from rec_assets.vocabulary.token_rows import RowEncoder


class RegisteredSkus:
    """The SKUs of a registry by place.

    Parameters
    ----------
    registry
        The SKU registry, ``n`` rows.
    """

    def __init__(self, registry: pd.DataFrame) -> None:
        self.registry = registry
        self._index = pd.Series(registry[c.SKU_INDEX].to_numpy(), index=registry[c.SKU])

    def indices(self, skus: Sequence[str]) -> npt.NDArray[np.int64]:
        """``sku_index`` of SKUs; those the registry does not know are left out."""
        found = self._index.reindex(list(skus)).dropna()
        return found.to_numpy(dtype=np.int64)

    def cells(self, lists: Sequence[Sequence[str]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Row and column of every SKU of ``B`` lists in scores ``(B, n)``; unknown SKUs are left out."""
        found = self._index.reindex(list(chain.from_iterable(lists)))
        row = np.repeat(np.arange(len(lists)), [len(skus) for skus in lists])[found.notna().to_numpy()]
        return torch.from_numpy(row), torch.from_numpy(found.dropna().to_numpy(dtype=np.int64))

    def barred(self, allowed: set[str] | None = None, *, retired: bool = True) -> torch.Tensor:
        """``(n,)``: True for SKUs that no list may hold: ``retired`` today, or outside ``allowed``."""
        barred = self.registry[c.RETIRED].to_numpy(copy=True) & retired
        if allowed is not None:
            barred |= ~self.registry[c.SKU].isin(allowed).to_numpy()
        return torch.from_numpy(barred)


def prompt_encoder(base: Path, registry: pd.DataFrame) -> RowEncoder:
    """Make the encoder of prompts, one token a SKU, from the base model's tokenizer and the registry."""
    config = AutoConfig.from_pretrained(base, local_files_only=True).get_text_config()
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    start = config.bos_token_id if config.bos_token_id is not None else 0
    return RowEncoder(tokenizer, registry, config.vocab_size, start)
