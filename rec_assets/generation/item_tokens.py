"""What stands for an SKU in the model's input and output: one token, or a short word of tokens."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rec_assets.errors import RegistryError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Arrays = dict[str, npt.NDArray[np.generic]]


class ItemTokens(Protocol):
    """A scheme that writes every SKU of the registry as a word of ``L`` id tokens.

    All words of a scheme have the same length and no two SKUs share one. Each place of the word has tokens of
    its own, so a token tells the place it stands at.
    """

    @property
    def scheme(self) -> str:
        """Name in ``params.yaml``."""
        ...

    @property
    def size(self) -> int:
        """Number ``C`` of id tokens."""
        ...

    @property
    def codes(self) -> Ints:
        """``(n, L)``: the id tokens of each SKU of the registry, in ``[0, C)``."""
        ...

    def extended(self, titles: Floats) -> "ItemTokens":
        """Give new SKUs their words; none of the old ones moves.

        Parameters
        ----------
        titles
            ``(m, d)``, ``m >= n``: title vectors of the longer registry.

        Raises
        ------
        RegistryError
            When the registry became shorter, or there are no words left.
        """
        ...

    def arrays(self) -> Arrays:
        """Give what rebuilds the scheme, by name."""
        ...


def check_longer(known: int, now: int) -> None:
    """Refuse a registry that lost SKUs.

    Raises
    ------
    RegistryError
        When ``now`` is smaller than ``known``.
    """
    if now < known:
        raise RegistryError(
            f"The item tokens know {known:,} SKUs, the registry has {now:,}.",
            "Use the registry they were made with, or one that extends it (lineage.parent).",
        )


@dataclass(frozen=True)
class SkuTokens:
    """One token a SKU: the shortest rows, and a head of ``n`` rows.

    Parameters
    ----------
    count
        SKUs ``n`` of the registry.
    """

    count: int
    scheme: str = "sku"

    @property
    def size(self) -> int:
        """Number of id tokens: one a SKU."""
        return self.count

    @property
    def codes(self) -> Ints:
        """``(n, 1)``: ``sku_index``."""
        return np.arange(self.count, dtype=np.int64)[:, None]

    def extended(self, titles: Floats) -> "SkuTokens":
        """Give new SKUs the next tokens."""
        check_longer(self.count, len(titles))
        return SkuTokens(len(titles))

    def arrays(self) -> Arrays:
        """Give the number of SKUs."""
        return {"count": np.asarray([self.count])}
