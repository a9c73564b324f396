"""One customer's ranked list."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Top:
    """The best SKUs for one customer, best first.

    Parameters
    ----------
    place
        Index of the prompt.
    skus
        ``(k,)``: ``sku_index``.
    scores
        ``(k,)``: logits, or log-probabilities of words of id tokens.
    """

    place: int
    skus: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
