"""What ranking adds to the scores of a trained model: shares and rates that are counted, not trained."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from torch import Tensor

from rec_assets.recommender.demand import Demand
from rec_assets.recommender.repeats import RepeatRates


@dataclass(frozen=True)
class Counted:
    """Demand first, which gives probabilities to what is not bought yet; then purchases again.

    Parameters
    ----------
    demand
        What everybody buys.
    repeats
        How often customers buy again.
    """

    demand: Demand = field(default_factory=Demand)
    repeats: RepeatRates = field(default_factory=RepeatRates)

    def mix(self, scores: Tensor, bought: Sequence[npt.NDArray[np.int64]]) -> None:
        """Change logits ``(B, n)`` in place.

        Parameters
        ----------
        scores
            Logits of a softmax over SKUs.
        bought
            For each row its ``sku_index``, last one first, each once.
        """
        self.demand.mix(scores, bought)
        self.repeats.mix(scores, bought)
