"""The vector of an SKU: part identity, part title, mixed by how often it was sold."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rec_assets.params import ItemVectors as Settings


class ItemVectors(nn.Module):
    """Item vector = λ·(ID part) + (1 - λ)·(projected title part), the mix-up of arXiv 2410.11327.

    ``λ = id_limit · count / (count + half_count)``: 0 for a new arrival, which is then all title and can be
    ranked on the day it enters the catalogue. The same vector is the row that enters the decoder and, layer
    normalised, the row of its trimmed head. Only SKUs that were sold own an ID part, so a catalogue of
    100,000 articles of which 10,000 sold trains 10,000 rows.

    Parameters
    ----------
    titles
        ``(n, t)``: title vectors of every SKU of the registry, in its order.
    counts
        ``(n,)``: purchases before the validation window.
    settings
        Mixing and initialisation.
    start
        ``(s, w)``: :func:`co_purchase_vectors` of the SKUs sold, in order of ``sku_index``; None: nothing is
        known. The ID part starts at the title vector plus ``co_purchase_weight`` title lengths of it.
    projection
        ``(w, t)``: what the projection of titles starts at; None: the identity, and w is t.
    """

    titles: Tensor
    mix: Tensor
    id_rows: Tensor

    def __init__(
        self,
        titles: Tensor,
        counts: Tensor,
        settings: Settings,
        start: Tensor | None = None,
        projection: Tensor | None = None,
    ) -> None:
        super().__init__()
        projection = torch.eye(titles.shape[1]) if projection is None else projection
        width = projection.shape[0]
        sold = counts > 0
        counts = counts.float()
        self.register_buffer("titles", titles.float(), persistent=False)
        self.register_buffer("mix", settings.id_limit * counts / (counts + settings.half_count))  # (n,)
        rows = torch.where(sold, sold.long().cumsum(0) - 1, torch.zeros_like(sold, dtype=torch.long))
        self.register_buffer("id_rows", rows)  # (n,): any row where mix is 0
        projected = titles.float() @ projection.T  # (n, w)
        own = projected[sold]
        if start is not None:
            own = own + settings.co_purchase_weight * projected.norm(dim=1).mean() * start
        self.ids = nn.Parameter(own if len(own) else torch.zeros(1, width))  # (s, w)
        self.projection = nn.Parameter(projection.clone())  # (w, t)
        self.scale = nn.Parameter(torch.tensor([width**-0.5]))  # FSDP shards no scalars
        self.id_dropout = settings.id_dropout

    @property
    def sold(self) -> Tensor:
        """``sku_index`` of every SKU with an ID part."""
        return torch.nonzero(self.mix > 0).squeeze(1)

    def forward(self, index: Tensor) -> Tensor:
        """Vectors of SKUs.

        Parameters
        ----------
        index
            ``(k,)``: ``sku_index``.

        Returns
        -------
        torch.Tensor
            ``(k, w)``.
        """
        # Mixed in float32: autocast multiplies in bf16, and FSDP may lend its parameters in bf16.
        title = (self.titles[index].to(self.projection.dtype) @ self.projection.T).float()  # (k, w)
        own = F.embedding(self.id_rows[index], self.ids).float()  # (k, w)
        mix = self.mix[index]
        if self.training and self.id_dropout:
            # A title that never had to speak alone could not when a new arrival needs it (DropoutNet).
            mix = mix * (torch.rand_like(mix) >= self.id_dropout)
        return torch.lerp(title, own, mix.float().unsqueeze(1))

    def head(self, vectors: Tensor) -> Tensor:
        """Rows of the trimmed decoder's head, ``(k, w)``, from vectors ``(k, w)``."""
        return self.scale * F.layer_norm(vectors, vectors.shape[-1:])
