"""A causal decoder that reads words and SKUs and answers with SKUs only."""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from rec_assets.recommender.sku_branch import SkuBranch
from rec_assets.vocabulary.item_vectors import ItemVectors
from rec_assets.vocabulary.token_rows import IGNORED


class SkuLanguageModel(PreTrainedModel):
    """Decoder layers between item vectors: they are the rows that enter and, layer normalised, the head.

    Rows are padded on the right. Under a causal mask no position sees the padding after it, so no attention
    mask is needed and the fastest attention kernel applies.

    Beside the layers may stand a branch that reads SKUs alone. Each has item vectors, a softmax and a loss of
    its own, so that neither leans on the other. Ranking takes the mean of their logits, the geometric mean of
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
    branch
        What reads SKUs alone, of width ``w``; None: nothing does, and ``w`` is 0.

    Attributes
    ----------
    mask_seen
        Whether the training softmax leaves out what a row has already bought. Where nobody buys an article
        twice, lists leave it out too; scored, it would only pull the answer away from its own likes.
    """

    mask_seen = False

    # The attention is the decoder's, chosen when it was loaded; this wrapper supports whatever that does.
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True

    def __init__(
        self,
        decoder: PreTrainedModel,
        items: ItemVectors,
        dropout: float,
        candidates: int | None,
        stream: torch.dtype = torch.float32,
        branch: SkuBranch | None = None,
    ) -> None:
        super().__init__(decoder.config)
        self.decoder = decoder
        self.items = items
        self.dropout = nn.Dropout(dropout)
        self.candidates = candidates
        self.stream = stream
        self.branch = branch
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
        """Item vectors of the layers, then the branch's."""
        return [self.items] if self.branch is None else [self.items, self.branch.items]

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
        loss = self._loss(self.hidden(input_ids), self.items, self.candidates, input_ids, targets)
        if self.branch is not None:
            states = self.branch(input_ids, self.words)
            loss = loss + self._loss(states, self.branch.items, self.branch.candidates, input_ids, targets)
        return CausalLMOutput(loss=loss)

    def _loss(
        self,
        states: Tensor,
        items: ItemVectors,
        candidates: int | None,
        input_ids: Tensor,
        targets: Tensor,
    ) -> Tensor:
        """Cross-entropy of states ``(B, T, d)`` against head rows of their own."""
        wanted = targets != IGNORED
        states = states[wanted]  # (P, d)
        skus, correction = self._softmax_over(targets[wanted], candidates)
        head = items.head(items(skus)).to(states.dtype)  # (C, d)
        logits = (states @ head.T).float() + correction  # (P, C)
        if self.mask_seen:
            place, column = self._seen(input_ids, targets, wanted, skus)
            logits[place, column] = -torch.inf
        return F.cross_entropy(logits, torch.searchsorted(skus, targets[wanted]))

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

    def _softmax_over(self, targets: Tensor, candidates: int | None) -> tuple[Tensor, Tensor]:
        """Sorted SKUs of this step's softmax ``(C,)`` and what to add to their logits ``(C,)``.

        SKUs never sold are left out: as eternal negatives they would teach the title projection to push new
        arrivals down. Above ``candidates`` SKUs a uniform sample stands for the rest, each logit raised by
        log(1/p) so that the softmax stays an unbiased estimate (arXiv 1412.2007).
        """
        sold = self.items.sold
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
        """Give the whole head ``(n, d + w)``, one row per SKU of the registry, the branch's part last."""
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
        """Lay the branch's states beside those of the layers.

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
        if self.branch is None:
            return states.float()
        beside = self.branch(input_ids, self.words)
        row = torch.arange(len(states), device=states.device)
        own = beside[:, -1] if last is None else beside[row, last]
        return torch.cat([states.float(), own.float()], dim=1)
