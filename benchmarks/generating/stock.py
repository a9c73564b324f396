"""Lists by transformers' own ``generate``, from the plain checkpoint that the product exports."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, GenerationConfig, LogitsProcessor, LogitsProcessorList

from rec_assets.backbone.precision import choose_precision
from rec_assets.generation.item_tokens import ItemTokens
from rec_assets.generation.merge import merge_chains
from rec_assets.ranking.export import export
from rec_assets.vocabulary.token_rows import TokenRow
from rec_assets.workspace import Workspace

CHAINS, SKUS_A_CHAIN = 4, 10
TEMPERATURE, TOP_K, TOP_P = 0.7, 950, 0.9


class OnlyItems(LogitsProcessor):
    """Leaves no words: their rows of the head mean nothing after the fine-tune and would only cost recall."""

    def __init__(self, first: int) -> None:
        self._first = first

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Forbid the base vocabulary in ``(R, V)``."""
        scores[:, : self._first] = -torch.inf
        return scores


class Stock:
    """A plain causal model with its keys and values cached, asked in batches of customers.

    Parameters
    ----------
    home
        A workspace with a trained recommender.
    first
        Id of the first SKU or id token.
    batch
        Customers asked at once.
    """

    def __init__(self, home: Workspace, first: int, batch: int) -> None:
        folder = Path(export(home, home.root / "exported"))
        loaded = AutoModelForCausalLM.from_pretrained(folder, dtype=choose_precision(), local_files_only=True)
        self.model = loaded.eval()
        # One that came with the base model could filter candidates and starve the beams.
        self.model.generation_config = GenerationConfig()
        self._first = first
        self._batch = batch

    def sampled(self, rows: list[TokenRow], k: int, seed: int) -> np.ndarray:
        """Merge four sampled chains of ten SKUs each: lists ``(B, k)`` of ``sku_index``."""
        torch.manual_seed(seed)
        config = GenerationConfig(
            do_sample=True,
            num_return_sequences=CHAINS,
            temperature=TEMPERATURE,
            top_k=TOP_K,
            top_p=TOP_P,
            max_new_tokens=SKUS_A_CHAIN,
            pad_token_id=0,
        )
        only = LogitsProcessorList([OnlyItems(self._first)])
        lists = []
        for _, ids, mask in self._batches(rows):
            out = self._generate(ids, mask, generation_config=config, logits_processor=only)
            chains = (out - self._first).view(len(ids), CHAINS, -1)
            lists.append(merge_chains(chains.numpy(), k)[0])
        return np.concatenate(lists)

    def beams(self, rows: list[TokenRow], tokens: ItemTokens, allowed: np.ndarray, beams: int) -> np.ndarray:
        """Search with beams over the words of allowed SKUs: lists ``(B, beams)`` of ``sku_index``."""
        codes = tokens.codes
        config = GenerationConfig(
            num_beams=beams,
            num_return_sequences=beams,
            max_new_tokens=codes.shape[1],
            do_sample=False,
            early_stopping=True,
            pad_token_id=0,
        )
        sku_of = {tuple(word): sku for sku, word in enumerate(codes.tolist()) if allowed[sku]}
        following: dict[tuple[int, ...], set[int]] = {}
        for word in sku_of:
            for place in range(len(word)):
                following.setdefault(word[:place], set()).add(word[place] + self._first)
        choices = {beginning: sorted(ids) for beginning, ids in following.items()}
        lists = []
        for width, ids, mask in self._batches(rows):
            prefix = self._prefix(width, choices)
            out = self._generate(ids, mask, generation_config=config, prefix_allowed_tokens_fn=prefix)
            found = [sku_of.get(tuple(word), -1) for word in (out - self._first).tolist()]
            lists.append(np.array(found).reshape(len(ids), beams))
        return np.concatenate(lists)

    def _prefix(
        self, width: int, choices: dict[tuple[int, ...], list[int]]
    ) -> Callable[[int, Tensor], list[int]]:
        nothing = [0]  # where a beam left the trie: never among the best
        first = self._first
        return lambda _, ids: choices.get(tuple((ids[width:] - first).tolist()), nothing)

    def _batches(self, rows: list[TokenRow]) -> Iterator[tuple[int, Tensor, Tensor]]:
        for start in range(0, len(rows), self._batch):
            part = rows[start : start + self._batch]
            width = max(len(row.ids) for row in part)
            ids = torch.zeros((len(part), width), dtype=torch.long)
            mask = torch.zeros_like(ids)
            for line, (row, real) in enumerate(zip(part, mask, strict=True)):
                ids[line, width - len(row.ids) :] = torch.from_numpy(row.ids)
                real[width - len(row.ids) :] = 1
            yield width, ids, mask

    @torch.inference_mode()
    def _generate(self, ids: Tensor, mask: Tensor, **options: object) -> Tensor:
        whole = self.model.generate(ids, attention_mask=mask, **options)
        return whole[:, ids.shape[1] :]
