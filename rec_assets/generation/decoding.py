"""A decoder that reads prompts once and then goes on token by token, keys and values kept."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from rec_assets.backbone.trim import trim_decoder
from rec_assets.recommender.model import SkuLanguageModel

Map = Callable[[Tensor], Tensor]
Scores = Callable[[Tensor, Tensor], Tensor]


class CachedDecoder:
    """Any decoder of transformers, its head cut to the id tokens.

    Parameters
    ----------
    decoder
        The stack of layers, width ``d``.
    embed
        Rows ``(B, T, d)`` for ids ``(B, T)``.
    head
        Logits ``(B, C)`` of the id tokens from states ``(B, d)`` and all ids read ``(B, T)``.
    first
        Id of the first id token: those of the vocabulary are ``first .. first + C``.
    """

    def __init__(self, decoder: PreTrainedModel, embed: Map, head: Scores, first: int) -> None:
        self._decoder = decoder
        self._embed = embed
        self._head = head
        self._first = first
        self._cache: DynamicCache | None = None
        self._mask = self._read = torch.empty(0)

    @classmethod
    def of_items(cls, model: SkuLanguageModel, head: Tensor | None = None) -> "CachedDecoder":
        """Go on from a recommender over SKUs or id tokens; ``head`` ``(n, d)`` where it is known already."""
        rows = model.head() if head is None else head

        def scores(states: Tensor, read: Tensor) -> Tensor:
            with torch.autocast(states.device.type, enabled=False):  # in bf16, too many tokens would tie
                return model.joined(states, read) @ rows.T

        return cls(model.decoder, lambda ids: model.embed(ids).to(model.stream), scores, model.words)

    @classmethod
    def of_causal(cls, model: PreTrainedModel, first: int, size: int) -> "CachedDecoder":
        """Go on from a causal language model whose id tokens are ``first .. first + size``.

        Raises
        ------
        BaseModelError
            When its head cannot be trimmed.
        """
        trimmed = trim_decoder(model, range(first, first + size))
        return cls(
            model.get_decoder(), model.get_input_embeddings(), lambda states, _: trimmed(states), first
        )

    def begin(self, input_ids: Tensor, lengths: Tensor) -> Tensor:
        """Read prompts; forget the ones before.

        Parameters
        ----------
        input_ids
            ``(B, T)``, padded on the right.
        lengths
            ``(B,)``: real tokens of each row.

        Returns
        -------
        torch.Tensor
            ``(B, C)``: logits of the first id token.
        """
        longest = input_ids.shape[1]
        places = torch.arange(longest, device=input_ids.device) - (longest - lengths)[:, None]  # (B, T)
        self._mask = (places >= 0).long()
        turned = input_ids.gather(1, places % longest)  # padding on the left: all rows go on at one place
        self._cache = DynamicCache(config=self._decoder.config)
        self._read = turned[:, :0]
        return self._forward(turned, places.clamp(min=0))

    def select(self, rows: Tensor) -> None:
        """Go on with these rows ``(R,)`` of the ones before; one may come several times, or not at all."""
        assert self._cache is not None, "begin first"
        self._cache.reorder_cache(rows)
        self._mask, self._read = self._mask[rows], self._read[rows]

    def advance(self, tokens: Tensor) -> Tensor:
        """Add an id token ``(R,)`` to every row; gives the logits ``(R, C)`` of the next one."""
        places = self._mask.sum(1, keepdim=True)
        self._mask = torch.cat([self._mask, torch.ones_like(places)], dim=1)
        return self._forward(tokens[:, None] + self._first, places)

    def _forward(self, ids: Tensor, places: Tensor) -> Tensor:
        self._read = torch.cat([self._read, ids], dim=1)
        states: Any = self._decoder(
            inputs_embeds=self._embed(ids),
            attention_mask=self._mask,
            position_ids=places,
            past_key_values=self._cache,
            use_cache=True,
        ).last_hidden_state
        return self._head(states[:, -1], self._read).float()
