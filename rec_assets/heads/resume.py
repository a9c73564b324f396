"""Checkpoints of a fine-tune: named by what went in, found when they are whole."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import nn

from rec_assets.heads.fine_tune_settings import FineTuneSettings
from rec_assets.heads.label_head import LabelHead


def checkpoint_folder(
    settings: FineTuneSettings, model: nn.Module, head: LabelHead, texts: Sequence[str], targets: np.ndarray
) -> Path | None:
    """Name the checkpoints, so that none is resumed with other inputs, weights or settings."""
    if settings.checkpoints is None:
        return None
    sums = [float(parameter.detach().double().sum()) for parameter in model.parameters()]
    recipe = settings.model_dump(mode="json", exclude={"checkpoints"})
    told = [recipe, head.prompt, list(head.labels), list(texts), targets.tolist(), sums]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return settings.checkpoints / digest[:16]


def newest_checkpoint(folder: Path) -> str | None:
    """Find the last checkpoint that was written whole: the trainer writes its state last."""
    whole = []
    for checkpoint in folder.glob("checkpoint-*"):
        try:
            json.loads((checkpoint / "trainer_state.json").read_text())
        except (OSError, ValueError):
            continue
        whole.append(checkpoint)
    return str(max(whole, key=lambda one: int(one.name.partition("-")[2]))) if whole else None
