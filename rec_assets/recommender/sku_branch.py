"""A narrow decoder that reads SKUs alone, beside the language model's layers."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaModel, PreTrainedModel

from rec_assets.params import ItemVectors as VectorSettings
from rec_assets.params import SkuBranches as Settings
from rec_assets.vocabulary.item_vectors import ItemVectors


class SkuBranch(nn.Module):
    """What follows what, learnt by few numbers: a sequential recommender of width ``w``.

    SASRec (arXiv 1808.09781) of Llama's layers, with much dropout. It skips the words of a prompt: those are
    the language model's to read.

    Parameters
    ----------
    items
        Vectors of width ``w`` of every SKU of the registry.
    settings
        Layers and dropout.
    """

    def __init__(self, items: ItemVectors, settings: Settings) -> None:
        super().__init__()
        self.items = items
        width = items.projection.shape[0]
        config = LlamaConfig(
            vocab_size=1,
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=settings.layers,
            num_attention_heads=settings.heads,
            num_key_value_heads=settings.heads,
            bos_token_id=None,
            eos_token_id=None,
            attn_implementation="sdpa",
        )
        self.decoder: PreTrainedModel = LlamaModel(config)
        del self.decoder.embed_tokens  # rows come from item vectors
        for layer in self.decoder.layers:
            begin_as_average(layer.self_attn)
        self.start = nn.Parameter(torch.zeros(width))  # read before the first SKU
        self.dropout = nn.Dropout(settings.dropout)
        for name, module in self.decoder.named_modules():
            if name.endswith(("o_proj", "down_proj")):
                module.register_forward_hook(lambda _, __, out: self.dropout(out))

    def rows(self, index: Tensor) -> Tensor:
        """Rows ``(k, w)`` that enter the decoder for SKUs ``(k,)``."""
        vectors = self.items(index)
        return F.layer_norm(vectors, vectors.shape[-1:])

    def forward(self, input_ids: Tensor, words: int) -> Tensor:
        """States after the SKUs up to each position.

        Parameters
        ----------
        input_ids
            ``(B, T)``: words and SKUs, padded anywhere with words.
        words
            Ids from here on are SKUs.

        Returns
        -------
        torch.Tensor
            ``(B, T, w)``.
        """
        is_sku = input_ids >= words
        read = is_sku.cumsum(dim=1)  # (B, T): SKUs read so far
        skus, place = torch.unique(input_ids[is_sku] - words, return_inverse=True)
        row = torch.nonzero(is_sku)[:, 0]
        rows = self.start.repeat(len(input_ids), int(read[:, -1].max()) + 1, 1)
        rows = rows.index_put((row, read[is_sku]), self.rows(skus).to(rows.dtype)[place])
        states = self.decoder(inputs_embeds=self.dropout(rows), use_cache=False).last_hidden_state
        return states.gather(1, read.unsqueeze(-1).expand(-1, -1, states.shape[-1]))


def begin_as_average(attention: nn.Module) -> None:
    """Let attention begin as the mean of what was read: small scores, values passed on as they are.

    That is the low-pass filter beside which BSARec (arXiv 2312.10325) puts attention; it need not be found,
    and what is learnt starts from it.
    """
    with torch.no_grad():
        for projection in (attention.v_proj, attention.o_proj):
            projection.weight.copy_(torch.eye(len(projection.weight)))  # type: ignore[union-attr,arg-type,operator]


def make_branches(
    titles: Tensor,
    counts: Tensor,
    start: Tensor | None,
    vectors: VectorSettings,
    settings: Settings,
    seed: int,
) -> list[SkuBranch]:
    """Build branches whose item vectors are the leading directions of titles and co-purchases.

    Alike in all but their random weights and what dropout hides from them, they err differently, and rank
    better together (deep ensembles, arXiv 1612.01474).

    Parameters
    ----------
    titles, counts, start
        As :class:`ItemVectors` takes them, ``(n, t)``, ``(n,)`` and ``(s, d)``.
    vectors
        How ID and title parts mix.
    settings
        How many; width, layers, dropout.
    seed
        Of the layers' weights.
    """
    if not settings.copies:
        return []
    width = settings.width
    if start is not None:
        start = F.normalize(start.float() @ leading_directions(start, width).T, dim=1)
    directions = leading_directions(titles, width)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return [
            SkuBranch(ItemVectors(titles, counts, vectors, start, directions), settings)
            for _ in range(settings.copies)
        ]


def leading_directions(rows: Tensor, width: int) -> Tensor:
    """Principal directions ``(width, d)`` of rows ``(n, d)``, largest first; zeros where d is smaller."""
    double = rows.double()
    _, directions = torch.linalg.eigh(double.T @ double)
    found = directions.flip(1).T[:width].float()
    return F.pad(found, (0, 0, 0, width - len(found)))
