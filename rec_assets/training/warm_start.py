"""A retraining starts from its parent's weights, so that a season's learning is not thrown away."""

from pathlib import Path

import torch
from torch import Tensor, nn

from rec_assets.recommender.storage import load_trained, read_trained, trained_tensors
from rec_assets.vocabulary.item_vectors import ItemVectors

_IDS, _PROJECTION = ".ids", ".projection"


def start_from(model: nn.Module, parts: dict[str, ItemVectors], parent: Path) -> int | None:
    """Put a stored recommender's trained tensors into a model that is about to be trained, in place.

    Adapters, gates, norms and title projections are taken as they are, and the ID part of every SKU that
    both have sold. SKUs sold since start from their projected titles and their co-purchases, turned into the
    stored space by what both tell of the SKUs they share.

    Parameters
    ----------
    model
        As :func:`rec_assets.recommender.build.build` gives it.
    parts
        Its item vectors by name, around a registry that extends the parent's; see :func:`item_vectors_of`.
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
    ids = {name + _IDS for name in parts}
    shapes = {name: value.shape for name, value in own.items() if name not in ids}
    if shapes != {name: value.shape for name, value in stored.items() if name not in ids}:
        return None
    if not ids <= stored.keys():
        return None
    stored_sold = torch.nonzero(counts > 0).squeeze(1)
    tables, known = {}, 0
    for name, items in parts.items():
        titles = items.titles[items.sold].cpu()
        beyond = own[name + _IDS] - titles @ own[name + _PROJECTION].T
        projected = titles @ stored[name + _PROJECTION].T
        table, known = _carried(beyond, projected, items.sold.cpu(), stored[name + _IDS], stored_sold)
        tables[name + _IDS] = table
    load_trained(model, stored | tables)
    return known


def item_vectors_of(model: nn.Module) -> dict[str, ItemVectors]:
    """Find every table of item vectors, by its name in the model."""
    return {name: module for name, module in model.named_modules() if isinstance(module, ItemVectors)}


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
