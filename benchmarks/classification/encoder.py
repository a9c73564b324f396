"""The sentence encoder all-MiniLM-L6-v2: mean of its last states, of length one."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm
from transformers import AutoModel, AutoTokenizer

from classification.bases import minilm_folder
from rec_assets.recommender.batches import LengthBatches

_TOKENS, _BATCH_TOKENS = 256, 4096


class SentenceEncoder(nn.Module):
    """BERT layers and mean pooling (arXiv 1908.10084)."""

    def __init__(self) -> None:
        super().__init__()
        folder = minilm_folder()
        self.bert = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.width = int(self.bert.config.hidden_size)
        self.eval()

    def forward(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """Vectors (B, d) of rows of token ids."""
        lengths = torch.tensor([len(row) for row in rows])
        ids = torch.zeros((len(rows), int(lengths.max())), dtype=torch.long)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
        inside = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
        states = self.bert(input_ids=ids, attention_mask=inside).last_hidden_state
        return F.normalize((states * inside[..., None]).sum(dim=1) / inside.sum(dim=1, keepdim=True), dim=-1)

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids, long texts cut."""
        return self.tokenizer(list(texts), truncation=True, max_length=_TOKENS)["input_ids"]

    @torch.no_grad()
    def batches(self, texts: Sequence[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield places in ``texts`` (B,) and vectors (B, d)."""
        rows = self.tokens(texts)
        with tqdm(total=len(texts), desc="embed", unit="text", disable=len(texts) < 2) as bar:
            for batch in LengthBatches([len(row) for row in rows], _BATCH_TOKENS, seed=None):
                yield np.array(batch), self([rows[place] for place in batch]).numpy()
                bar.update(len(batch))

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors (N, d), in the order of the texts."""
        vectors = np.empty((len(texts), self.width), np.float32)
        for places, part in self.batches(texts):
            vectors[places] = part
        return vectors
