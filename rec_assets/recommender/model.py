"""A causal decoder that reads words and SKUs and answers with SKUs only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from rec_assets.recommender.sku_branch import SkuBranch
from rec_assets.vocabulary.item_vectors import ItemVectors
from rec_assets.vocabulary.token_rows import IGNORED


@dataclass(frozen=True)
class Softmax:
    """The SKUs of one training step's softmax.

    Parameters
    ----------
    skus
        ``(C,)``: sorted ``sku_index``.
    correction
        ``(C,)``: added to their logits.
    answers
        ``(P,)``: place of each position's target among them.
    seen
        Places ``(m,)`` and columns ``(m,)`` to leave out; None: nothing.
    """

    skus: Tensor
    correction: Tensor
    answers: Tensor
    seen: tuple[Tensor, Tensor] | None

    def loss(self, states: Tensor, items: ItemVectors) -> Tensor:
        """Mean cross-entropy of states ``(P, d)`` against head rows of these SKUs."""
        head = items.head(items(self.skus)).to(states.dtype)  # (C, d)
        logits = (states @ head.T).float() + self.correction  # (P, C)
        if self.seen is not None:
            logits[self.seen] = -torch.inf
        return F.cross_entropy(logits, self.answers)


class SkuLanguageModel(PreTrainedModel):
    """Decoder layers between item vectors: they are the rows that enter and, layer normalised, the head.

    Rows are padded on the right. Under a causal mask no position sees the padding after it, so no attention
    mask is needed and the fastest attention kernel applies.

    Beside the layers may stand branches that read SKUs alone. Each has item vectors, a softmax and a loss of
    its own, so that none leans on another. Ranking takes the mean of their logits, the geometric mean of
    what each believes (Hinton, Neural Computation 2002): one product of states and head rows laid end to end.

    Parameters
    ----------
    decoder
        The base model's stack: embeddings, layers, final norm; no head. Width ``d``, ``V`` words.
    items
        Vectors of the ``n`` SKUs of the registry; id ``V + i`` stands for SKU ``i``.
    dropout
        On the rows that enter the layers and on the hidden states that leave them.
    candidates
        SKUs in the training softmax; None: all that were sold.
    stream
        Number format of the states that run through the layers.
    branches
        What reads SKUs alone, of widths ``w`` in sum.

    Attributes
    ----------
    mask_seen
        Whether the training softmax leaves out what a row has already bought. Where nobody buys an article
        twice, lists leave it out too; scored, it would only pull the answer away from its own likes.
    """

    mask_seen = False

    # Attention and experts are the decoder's, chosen when it was loaded; what that supports, this does.
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _can_set_experts_implementation_cached_value = True

    def __init__(
        self,
        decoder: PreTrainedModel,
        items: ItemVectors,
        dropout: float,
        candidates: int | None,
        stream: torch.dtype = torch.float32,
        branches: Sequence[SkuBranch] = (),
    ) -> None:
        super().__init__(decoder.config)
        self.decoder = decoder
        self.items = items
        self.dropout = nn.Dropout(dropout)
        self.candidates = candidates
        self.stream = stream
        self.branches = nn.ModuleList(branches)
        self.supports_gradient_checkpointing = decoder.supports_gradient_checkpointing
        self._no_split_modules = decoder._no_split_modules  # what FSDP wraps

    def get_input_embeddings(self) -> nn.Module:
        """Give the embeddings of the words; SKU rows are :attr:`items`."""
        return self.decoder.get_input_embeddings()

    @property
    def embeddings(self) -> nn.Embedding:
        """Embeddings of the words, ``(V, d)``."""
        return cast(nn.Embedding, self.get_input_embeddings())

    def get_output_embeddings(self) -> None:
        """None: the head is made of item vectors, anew at every step."""
        return None

    @property
    def tables(self) -> list[ItemVectors]:
        """Item vectors of the layers, then of each branch."""
        return [self.items, *(branch.items for branch in self._beside)]

    @property
    def _beside(self) -> list[SkuBranch]:
        return cast(list[SkuBranch], list(self.branches))

    @property
    def words(self) -> int:
        """Size ``V`` of the base vocabulary."""
        return self.embeddings.num_embeddings

    @property
    def embedding_scale(self) -> float:
        """What the base multiplies its embeddings by on their way in: Gemma by √d, most by 1."""
        return float(getattr(self.embeddings, "embed_scale", 1.0))

    def embed(self, input_ids: Tensor) -> Tensor:
        """Rows ``(B, T, d)`` for ids ``(B, T)``: words from the base, SKUs from their item vectors."""
        is_sku = input_ids >= self.words
        rows = self.get_input_embeddings()(input_ids.clamp(max=self.words - 1))
        skus, place = torch.unique(input_ids[is_sku] - self.words, return_inverse=True)
        vectors = (self.items(skus) * self.embedding_scale).to(rows.dtype)
        return rows.masked_scatter(is_sku.unsqueeze(-1), vectors[place])

    def hidden(self, input_ids: Tensor) -> Tensor:
        """States ``(B, T, d)`` that leave the decoder."""
        rows = self.dropout(self.embed(input_ids)).to(self.stream)
        states = self.decoder(inputs_embeds=rows, use_cache=False).last_hidden_state
        return self.dropout(states)

    def forward(self, input_ids: Tensor, targets: Tensor, **_: Any) -> CausalLMOutput:
        """Mean cross-entropy over SKUs at every position that has a target.

        Parameters
        ----------
        input_ids
            ``(B, T)``.
        targets
            ``(B, T)``: ``sku_index`` to predict at each position, or -100.
        """
        wanted = targets != IGNORED
        softmax = self._softmax(input_ids, targets, wanted)
        loss = softmax.loss(self.hidden(input_ids)[wanted], self.items)
        for branch in self._beside:
            loss = loss + softmax.loss(branch(input_ids, self.words)[wanted], branch.items)
        return CausalLMOutput(loss=loss)

    def _softmax(self, input_ids: Tensor, targets: Tensor, wanted: Tensor) -> "Softmax":
        """Choose what this step's softmax ranges over, the same for layers and branches."""
        skus, correction = self._candidates(targets[wanted])
        seen = self._seen(input_ids, targets, wanted, skus) if self.mask_seen else None
        return Softmax(skus, correction, torch.searchsorted(skus, targets[wanted]), seen)

    def _seen(
        self, input_ids: Tensor, targets: Tensor, wanted: Tensor, skus: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Find logits ``(P, C)`` of SKUs bought up to their place, the answer excepted."""
        row, place = torch.nonzero(wanted, as_tuple=True)  # (P,)
        read = input_ids[row] - self.words  # (P, T): negative for words
        before = torch.arange(read.shape[1], device=read.device) <= place[:, None]
        column = torch.searchsorted(skus, read.clamp(min=0)).clamp(max=len(skus) - 1)
        hit = (read >= 0) & before & (skus[column] == read) & (read != targets[wanted][:, None])
        return torch.nonzero(hit, as_tuple=True)[0], column[hit]

    def _candidates(self, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Sorted SKUs of this step's softmax ``(C,)`` and what to add to their logits ``(C,)``.

        SKUs never sold are left out: as eternal negatives they would teach the title projection to push new
        arrivals down. Above ``candidates`` SKUs a uniform sample stands for the rest, each logit raised by
        log(1/p) so that the softmax stays an unbiased estimate (arXiv 1412.2007).
        """
        sold, candidates = self.items.sold, self.candidates
        if candidates is None or len(sold) <= candidates:
            return sold, torch.zeros(len(sold), device=sold.device)
        positives = torch.unique(targets)
        sample = sold[torch.randperm(len(sold), device=sold.device)[:candidates]]
        skus = torch.unique(torch.cat([positives, sample]))
        share = candidates / len(sold)
        certain = torch.isin(skus, positives)
        return skus, torch.where(certain, 0.0, -torch.tensor(share, device=sold.device).log())

    @torch.no_grad()
    def head(self) -> Tensor:
        """Give the whole head ``(n, d + w)``, one row per SKU of the registry, the branches' parts last."""
        tables, index = self.tables, torch.arange(len(self.items.mix), device=self.items.mix.device)
        rows = [
            torch.cat([items.head(items(some)) / len(tables) for items in tables], dim=1)
            for some in index.split(16_384)
        ]
        return torch.cat(rows)

    @torch.no_grad()
    def last_states(self, input_ids: Tensor, last: Tensor) -> Tensor:
        """States ``(B, d + w)`` at each row's last real position ``last`` ``(B,)``: what is ranked from."""
        states = self.hidden(input_ids)
        return self.joined(states[torch.arange(len(last), device=last.device), last], input_ids, last)

    @torch.no_grad()
    def joined(self, states: Tensor, input_ids: Tensor, last: Tensor | None = None) -> Tensor:
        """Lay the branches' states beside those of the layers.

        Parameters
        ----------
        states
            ``(B, d)``: of the layers.
        input_ids
            ``(B, T)``: what was read.
        last
            ``(B,)``: position to rank from; None: the end of each row.

        Returns
        -------
        torch.Tensor
            ``(B, d + w)``, float32.
        """
        row = torch.arange(len(states), device=states.device)
        last = input_ids.new_full((len(states),), input_ids.shape[1] - 1) if last is None else last
        beside = [branch(input_ids, self.words)[row, last].float() for branch in self._beside]
        return torch.cat([states.float(), *beside], dim=1)
