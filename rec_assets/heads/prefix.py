"""Words that many prompts begin with, read once: their keys and values are kept and shared."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import DynamicCache

from rec_assets.backbone.precision import reading
from rec_assets.heads.language_model import LanguageModel


@dataclass(frozen=True, eq=False)
class Prefix:
    """What a model remembers of the prompts' common beginning.

    Parameters
    ----------
    tokens
        The P tokens read.
    layers
        Keys and values of each layer, (1, heads, P, head width).
    state
        The decoder's last hidden state after the prefix, (d,).
    """

    tokens: tuple[int, ...]
    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    state: torch.Tensor

    def cache(self, batch: int) -> DynamicCache:
        """Give a fresh cache of ``batch`` rows; the model may add to it without touching this prefix."""
        cache = DynamicCache()
        for index, (keys, values) in enumerate(self.layers):
            cache.update(keys.expand(batch, -1, -1, -1), values.expand(batch, -1, -1, -1), index)
        return cache


@torch.no_grad()
def read_prefix(language: LanguageModel, tokens: Sequence[int]) -> Prefix:
    """Read P tokens once.

    Parameters
    ----------
    language
        The model.
    tokens
        At least one token id.
    """
    # Without a configuration every layer keeps all positions; a sliding window is then in the mask alone.
    cache = DynamicCache()
    ids = torch.tensor([list(tokens)], device=language.device)
    with reading(language.device):
        states = language.decoder(input_ids=ids, past_key_values=cache, use_cache=True).last_hidden_state
    layers = tuple((layer.keys, layer.values) for layer in cache.layers)
    return Prefix(tuple(tokens), layers, states[0, -1])
