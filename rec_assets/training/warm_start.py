"""A retraining starts from its parent's weights, so that a season's learning is not thrown away."""

from pathlib import Path

import torch
from torch import Tensor, nn

from rec_assets.recommender.storage import load_trained, read_trained, trained_tensors
from rec_assets.vocabulary.item_vectors import ItemVectors

_IDS = "items.ids"
_PROJECTION = "items.projection"


def start_from(model: nn.Module, items: ItemVectors, parent: Path) -> int | None:
    """Put a stored recommender's trained tensors into a model that is about to be trained, in place.

    Adapters, gates, norms and the title projection are taken as they are, and the ID part of every SKU that
    both have sold. SKUs sold since start from their projected titles and their co-purchases, turned into the
    stored space by what both tell of the SKUs they share.

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
    projection = ids.removesuffix(_IDS) + _PROJECTION
    titles = items.titles[items.sold].cpu()
    projected = titles @ stored[projection].T
    stored_sold = torch.nonzero(counts > 0).squeeze(1)
    table, known = _carried(own[ids] - titles, projected, items.sold.cpu(), stored[ids], stored_sold)
    load_trained(model, stored | {ids: table})
    return known


def _carried(
    own: Tensor, titles: Tensor, sold: Tensor, stored: Tensor, stored_sold: Tensor
) -> tuple[Tensor, int]:
    """Give ID parts ``(s, d)`` of the SKUs ``sold`` ``(s,)``.

    Parameters
    ----------
    own
        ``(s, d)``: what the new model starts with beyond titles.
    titles
        ``(s, d)``: projected titles in the stored model.
    stored, stored_sold
        ``(m, d)`` and ``(m,)``: ID parts of the stored model, and whose they are.
    """
    if not len(sold) or not len(stored_sold):
        return (titles + own if len(sold) else stored.new_zeros(1, stored.shape[1])), 0
    place = torch.searchsorted(stored_sold, sold).clamp(max=len(stored_sold) - 1)  # both ascend
    shared = stored_sold[place] == sold
    carried = stored[place[shared]]
    table = titles + own @ _turn(own[shared], carried - titles[shared])
    table[shared] = carried
    return table, int(shared.sum())


def _turn(own: Tensor, other: Tensor) -> Tensor:
    """Find the rotation and length ``(d, d)`` that bring rows ``own`` nearest to ``other``, both ``(k, d)``.

    Orthogonal Procrustes (Schönemann, Psychometrika 1966): two factorisations of the same purchases agree
    only up to a rotation.
    """
    left, values, right = torch.linalg.svd(own.T.double() @ other.double())
    size = own.double().square().sum()
    return (left @ right * (values.sum() / size if size > 0 else 0.0)).to(own.dtype)
