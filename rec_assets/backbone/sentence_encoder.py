"""One vector for a text: the mean of a sentence encoder's last states, of length one."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm
from transformers import AutoModel, AutoTokenizer

from rec_assets.backbone.precision import reading

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

_BATCH = 64


class SentenceEncoder(nn.Module):
    """Encoder layers and mean pooling (arXiv 1908.10084).

    Parameters
    ----------
    folder
        Configuration, safetensors and tokenizer.
    most_tokens
        Longer texts are cut.
    """

    def __init__(self, folder: Path, most_tokens: int) -> None:
        super().__init__()
        self.encoder = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.most_tokens = most_tokens
        self.width = int(self.encoder.config.hidden_size)
        self.eval()

    def forward(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """Vectors ``(B, d)`` of rows of token ids."""
        lengths = torch.tensor([len(row) for row in rows])
        ids = torch.zeros((len(rows), int(lengths.max())), dtype=torch.long)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
        ids = ids.to(self.encoder.device)
        inside = (torch.arange(ids.shape[1]) < lengths[:, None]).long().to(ids.device)
        states = self.encoder(input_ids=ids, attention_mask=inside).last_hidden_state
        return F.normalize((states * inside[..., None]).sum(dim=1) / inside.sum(dim=1, keepdim=True), dim=-1)

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids, long texts cut."""
        return self.tokenizer(list(texts), truncation=True, max_length=self.most_tokens)["input_ids"]

    @torch.no_grad()
    def batches(self, texts: Sequence[str]) -> Iterator[tuple[Integers, Floats]]:
        """Yield places in ``texts`` ``(B,)`` and vectors ``(B, d)``; texts of like length together."""
        rows = self.tokens(texts)
        order = np.argsort([len(row) for row in rows], kind="stable")
        with tqdm(total=len(texts), desc="embed", unit="text", disable=len(texts) < 2) as bar:
            for start in range(0, len(order), _BATCH):
                places = order[start : start + _BATCH]
                with reading(self.encoder.device):
                    vectors = self([rows[place] for place in places])
                yield places, vectors.float().cpu().numpy()
                bar.update(len(places))

    def embed(self, texts: Sequence[str]) -> Floats:
        """Vectors ``(N, d)``, in the order of the texts."""
        vectors = np.empty((len(texts), self.width), np.float32)
        for places, part in self.batches(texts):
            vectors[places] = part
        return vectors
