"""Catalogues of any size, and the model that asks for SKUs of them."""

from pathlib import Path
from typing import Literal

import torch
from peft import PeftModel
from torch import Tensor
from torch.nn import functional as F

from rec_assets.backbone.gates import fold_gates
from rec_assets.params import read_params
from rec_assets.recommender.build import Recipe, build
from rec_assets.recommender.model import SkuLanguageModel
from rec_assets.recommender.storage import load_recommender
from rec_assets.workspace import Workspace

Kind = Literal["like real", "random"]


def ranking_model(home: Path) -> tuple[SkuLanguageModel, bool]:
    """Give the workspace's recommender, and whether it was trained; untrained, it costs the same time."""
    workspace = Workspace(home)
    folders = (workspace.recommender, workspace.base_model, workspace.vocabulary)
    if (workspace.recommender / "recommender.json").exists():
        return load_recommender(*folders), True
    params = read_params(workspace.params_file)
    model = build(*folders[1:], Recipe(params.training, params.run.seed), plain=True)
    merged: SkuLanguageModel = model.merge_and_unload() if isinstance(model, PeftModel) else model
    fold_gates(merged)
    merged.requires_grad_(False)
    return merged.eval(), False


def catalogue(real: Tensor, size: int, kind: Kind, seed: int) -> Tensor:
    """Make the head ``(size, d)`` of a catalogue, rows as long as the real ones.

    Parameters
    ----------
    real
        The head of a real catalogue, ``(n, d)``.
    size
        SKUs.
    kind
        ``like real``: a real row each, moved by half a spread of noise, so that neighbourhoods stay what they
        are and only grow; ``random``: no neighbourhoods at all, the worst that an index can meet.
    seed
        Of the choice and the noise.
    """
    random = torch.Generator().manual_seed(seed)
    length = real.norm(dim=1).mean()
    spread = 0.5 * real.std() if kind == "like real" else 1.0
    rows = torch.empty(size, real.shape[1])
    for part in rows.split(65_536):
        part.normal_(generator=random).mul_(spread)
        if kind == "like real":
            part.add_(real[torch.randint(len(real), (len(part),), generator=random)])
        part.copy_(F.layer_norm(part, part.shape[-1:]) * length / part.shape[-1] ** 0.5)
    return rows
