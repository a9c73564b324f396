"""How the model of this run writes SKUs: each as a token, or as a word of id tokens."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pandas as pd
import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import AutoConfig

from rec_assets import columns as c
from rec_assets.files import read_json, read_table
from rec_assets.generation.id_folder import model_vocabulary
from rec_assets.generation.id_rows import IdRowEncoder
from rec_assets.generation.item_tokens import ItemTokens
from rec_assets.generation.schemes import load_item_tokens
from rec_assets.vocabulary.token_rows import RowEncoder, TokenRow
from rec_assets.workspace import Workspace


class Encoder(Protocol):
    """Turns prompt rows into token rows."""

    def encode(self, prompts: pd.DataFrame) -> list[TokenRow]:
        """Encode rows of ``prompts/*.parquet``, in order."""
        ...


@dataclass(frozen=True)
class Items:
    """What stands for SKUs in the model's input and output.

    Parameters
    ----------
    registry
        The SKU registry, ``n`` rows.
    vocabulary
        The folder that the model is built around.
    encoder
        Writes prompts for the model.
    tokens
        The words of the SKUs; None: each SKU is one token.
    """

    registry: pd.DataFrame
    vocabulary: Path
    encoder: Encoder
    tokens: ItemTokens | None

    @classmethod
    def load(cls, workspace: Workspace) -> "Items":
        """Read what the vocabulary stage wrote."""
        registry = read_table(workspace.vocabulary / "registry.parquet")
        encoder = row_encoder(workspace, registry)
        folder = model_vocabulary(workspace.vocabulary)
        if folder == workspace.vocabulary:
            return cls(registry, folder, encoder, None)
        tokens = load_item_tokens(folder)
        words = read_json(folder / "vocabulary.json")["words"]
        return cls(registry, folder, IdRowEncoder(encoder, words, tokens), tokens)

    @property
    def counts(self) -> Tensor:
        """Purchases behind the mix of each vector: ``(n,)``, or ``(C,)`` of id tokens."""
        registry = self.registry
        if self.tokens is not None:
            registry = read_table(self.vocabulary / "registry.parquet")
        return torch.from_numpy(registry[c.TRAIN_PURCHASES].to_numpy(copy=True))


def row_encoder(workspace: Workspace, registry: pd.DataFrame) -> RowEncoder:
    """Make the encoder of prompts from the base model's tokenizer and the registry."""
    config = AutoConfig.from_pretrained(workspace.base_model, local_files_only=True).get_text_config()
    tokenizer = Tokenizer.from_file(str(workspace.base_model / "tokenizer.json"))
    start = config.bos_token_id if config.bos_token_id is not None else 0
    return RowEncoder(tokenizer, registry, config.vocab_size, start)
