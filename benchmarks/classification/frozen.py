"""Hidden states of a frozen language model: every layer, last token and mean, in one pass."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm
from transformers import AutoConfig

from classification.bases import language_folder, language_model
from classification.row_cache import RowCache
from classification.tasks import Task
from rec_assets.backbone.layers import decoder_layers
from rec_assets.heads.states import encode
from rec_assets.recommender.batches import LengthBatches

POOLINGS = ("last", "mean")
_BATCH_TOKENS = 2048


class FrozenStates:
    """States of a task's texts in one prompt, kept on disk.

    Parameters
    ----------
    task
        Its texts are the rows.
    base, layers
        Which language model, and of how many layers in a smoke run.
    prompt
        With the field ``{text}``.
    folder
        Where to keep them.
    """

    def __init__(self, task: Task, base: str, layers: int | None, prompt: str, folder: Path) -> None:
        self._task, self._prompt, self._base, self._layers = task, prompt, base, layers
        config = AutoConfig.from_pretrained(language_folder(base), local_files_only=True).get_text_config()
        self.depth, width = layers or config.num_hidden_layers, config.hidden_size
        digest = hashlib.sha256("\n".join([prompt, *task.texts]).encode()).hexdigest()[:10]
        path = folder / f"{task.name}-{base}-{layers or 'all'}-{digest}"
        self._cache = RowCache(path, (self.depth + 1) * len(POOLINGS), len(task.texts), width)

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:  # not before a state is missing: candidates share the states
        return language_model(self._base, self._layers)

    @property
    def model(self) -> Any:
        """The language model."""
        return self._loaded[0]

    @property
    def tokenizer(self) -> Any:
        """Its tokenizer."""
        return self._loaded[1]

    def get(self, rows: np.ndarray, layer: int, pooling: str) -> np.ndarray:
        """Give states of rows, (len(rows), d): layer 0 is the embeddings, the last has the final norm."""
        self._cache.fill(rows, self._compute)
        return self._cache.read(layer * len(POOLINGS) + POOLINGS.index(pooling), rows)

    def _compute(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        ids = [encode(self.tokenizer, self._prompt, self._task.texts[row]) for row in rows]
        for batch, states in pooled_states(self.model, ids, f"read {self._task.name}"):
            yield rows[batch], states.flatten(0, 1).numpy()


@torch.no_grad()
def pooled_states(
    model: Any,
    rows: Sequence[Sequence[int]],
    name: str,
    layers: Sequence[int] | None = None,
    truncated: bool = False,
) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Pool the states that leave each layer, batch by batch.

    Each token's state is divided by its root mean square, as the next layer reads it; so no channel
    overflows float16, and a mean is not that of the few tokens with huge states. The first token, where
    attention goes to rest, is left out of means.

    Parameters
    ----------
    model
        A causal language model of L layers.
    rows
        Token ids.
    name
        What the progress bar says.
    layers
        Which of 0 (the embeddings) to L (after the final norm); none: all.
    truncated
        The model is the beginning of a longer one: its last layer's states are no different from others'.

    Yields
    ------
    tuple
        Places in ``rows`` (B,), and states (layers, 2, B, d): last token, mean.
    """
    blocks = decoder_layers(model)
    wanted = range(len(blocks) + 1) if layers is None else layers
    found: dict[int, Tensor] = {}
    batch_lengths = torch.empty(0)

    def keep(layer: int, hidden: Any) -> None:
        hidden = (hidden[0] if isinstance(hidden, tuple) else hidden).float()
        hidden = hidden / hidden.pow(2).mean(dim=-1, keepdim=True).sqrt().clamp(min=1e-6)
        found[layer] = _pool(hidden, batch_lengths)

    hooks = [
        blocks[layer - 1].register_forward_hook(lambda _, __, out, layer=layer: keep(layer, out))
        for layer in wanted
        if layer > 0
    ]
    if 0 in wanted:
        hooks.append(blocks[0].register_forward_pre_hook(lambda _, inputs: keep(0, inputs)))
    lengths = [len(row) for row in rows]
    try:
        with tqdm(total=len(rows), desc=name, unit="text", disable=len(rows) < 2) as bar:
            for batch in LengthBatches(lengths, _BATCH_TOKENS, seed=None):
                batch_lengths = torch.tensor([lengths[place] for place in batch])
                ids = torch.zeros((len(batch), int(batch_lengths.max())), dtype=torch.long)
                for i, place in enumerate(batch):
                    ids[i, : lengths[place]] = torch.tensor(list(rows[place]))
                out = model.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state
                if not truncated:
                    found[len(blocks)] = _pool(out.float(), batch_lengths)
                yield np.array(batch), torch.stack([found[layer] for layer in wanted])
                bar.update(len(batch))
    finally:
        for hook in hooks:
            hook.remove()


def _pool(hidden: Tensor, lengths: Tensor) -> Tensor:
    """Last token and mean over all but the first, (2, B, d), of right-padded states (B, T, d)."""
    last = hidden[torch.arange(len(lengths)), lengths - 1]
    place = torch.arange(hidden.shape[1])
    inside = (place < lengths[:, None]) & ((place > 0) | (lengths[:, None] == 1))
    mean = (hidden * inside[..., None]).sum(dim=1) / inside.sum(dim=1, keepdim=True)
    return torch.stack([last, mean])
