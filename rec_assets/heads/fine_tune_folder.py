"""Where a fine-tune keeps its checkpoints: a folder named by all that went in."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import nn

from rec_assets.heads.fine_tune_settings import FineTuneSettings
from rec_assets.heads.label_head import LabelHead


def checkpoint_folder(
    settings: FineTuneSettings,
    model: nn.Module,
    head: LabelHead,
    texts: Sequence[str],
    targets: np.ndarray,
    text_tokens: int,
) -> Path | None:
    """Name the checkpoints, so that none is resumed with other inputs, weights or settings."""
    if settings.checkpoints is None:
        return None
    sums = [float(parameter.detach().double().sum()) for parameter in model.parameters()]
    recipe = settings.model_dump(mode="json", exclude={"checkpoints", "regression_layer"})
    told = [recipe, head.prompt, list(head.labels), list(texts), targets.tolist(), text_tokens, sums]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return settings.checkpoints / digest[:16]
