"""Dropout with a cheap random byte per element: torch draws a whole float for each, on one core."""

import numpy as np
import torch
from torch import Tensor, nn

LEVELS = 256


class ByteDropout(nn.Module):
    """Zero a share of the elements and scale up the rest, as ``nn.Dropout`` does.

    Exact for shares that are multiples of 1/256. The masks come from a generator of its own: seed it with
    :meth:`seed`.

    Parameters
    ----------
    share
        Share of elements dropped, below 1.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        if not 0 <= share < 1 or (share * LEVELS) % 1:
            raise ValueError(f"a share of {share} is not a multiple of 1/{LEVELS} below 1")
        self.share = share
        self.seed(0)

    def seed(self, *numbers: int) -> None:
        """Start the masks again from whole numbers, for instance a seed and an epoch."""
        self._bytes = np.random.Generator(np.random.SFC64(numbers))

    def forward(self, x: Tensor) -> Tensor:
        """Drop elements of ``x`` while training."""
        if not self.training or not self.share:
            return x
        drawn = np.frombuffer(bytearray(self._bytes.bytes(x.numel())), np.uint8)
        kept = (torch.from_numpy(drawn) >= round(self.share * LEVELS)).view(x.shape)
        return x * kept.to(x.dtype).mul_(1 / (1 - self.share))
