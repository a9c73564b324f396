"""A retraining starts from its parent's weights, so that a season's learning is not thrown away."""

from pathlib import Path

import torch
from torch import Tensor, nn

from rec_assets.recommender.storage import load_trained, read_trained, trained_tensors
from rec_assets.vocabulary.item_vectors import ItemVectors

_IDS = "items.ids"


def start_from(model: nn.Module, items: ItemVectors, parent: Path) -> int | None:
    """Put a stored recommender's trained tensors into a model that is about to be trained, in place.

    Adapters, gates, norms and the title projection are taken as they are, and the ID part of every SKU that
    both have sold; SKUs sold since start from their titles.

    Parameters
    ----------
    model
        As :func:`rec_assets.recommender.build.build` gives it.
    items
        Its item vectors, around a registry that extends the parent's.
    parent
        Folder of the stored recommender.

    Returns
    -------
    int or None
        SKUs whose ID part was taken; None, with nothing changed, where the parent's tensors do not fit: it
        was trained by another method, or around another base model.
    """
    stored, counts = read_trained(parent)
    own = trained_tensors(model)
    ids = next(name for name in own if name.endswith(_IDS))
    shapes = {name: value.shape for name, value in own.items() if name != ids}
    if shapes != {name: value.shape for name, value in stored.items() if name != ids} or ids not in stored:
        return None
    table, known = _carried(own[ids], items.sold.cpu(), stored[ids], torch.nonzero(counts > 0).squeeze(1))
    load_trained(model, stored | {ids: table})
    return known


def _carried(own: Tensor, sold: Tensor, stored: Tensor, stored_sold: Tensor) -> tuple[Tensor, int]:
    """Give rows ``(n, d)`` of the SKUs ``sold`` ``(n,)``; those also in ``stored_sold`` from ``(m, d)``."""
    place = torch.searchsorted(stored_sold, sold).clamp(max=max(0, len(stored_sold) - 1))  # both ascend
    shared = stored_sold[place] == sold if len(stored_sold) else torch.zeros(len(sold), dtype=torch.bool)
    table = own.clone()
    if len(sold):
        table[shared] = stored[place[shared]]
    return table, int(shared.sum())
