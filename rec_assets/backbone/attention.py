"""The attention kernel that trains fastest on this machine."""

from typing import Literal

import torch

from rec_assets.backbone.precision import choose_precision
from rec_assets.params import Precision

Attention = Literal["auto", "sdpa", "eager", "flash_attention_2"]


def training_attention(attention: Attention, precision: Precision = "auto") -> Attention:
    """Resolve ``training.attention`` for passes with gradients.

    Parameters
    ----------
    attention
        Anything but ``auto`` is taken at its word.
    precision
        As ``training.precision``.

    Returns
    -------
    str
        ``auto`` leaves the choice to transformers. On a CPU that trains in bf16 it becomes ``eager``: over
        rows as short as a customer's, the fused kernel's backward pass takes several times as long there.
    """
    if attention != "auto" or torch.cuda.is_available():
        return attention
    return "auto" if choose_precision(precision) is torch.float32 else "eager"
