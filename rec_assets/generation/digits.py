"""An SKU written as the digits of its place in the registry."""

from dataclasses import dataclass

import numpy as np

from rec_assets.errors import RegistryError
from rec_assets.generation.item_tokens import Arrays, Floats, Ints, check_longer

HEADROOM = 4  # a registry may grow to so many times its size before its words run out


@dataclass(frozen=True)
class DigitTokens:
    """The registry index, zero-padded, as tokens of one or more digits each.

    Such words need few tokens however large the catalogue, and say nothing about the SKU: what an article is
    like, the model has to learn from its purchases alone. Word lengths are fixed, so an index keeps its word
    when the registry grows.

    Parameters
    ----------
    count
        SKUs ``n`` of the registry.
    group
        Digits a token stands for.
    length
        Tokens ``L`` a SKU; ``10 ** (group * length)`` SKUs can be written.
    """

    count: int
    group: int
    length: int

    @classmethod
    def fit(cls, count: int, group: int) -> "DigitTokens":
        """Choose the shortest words that leave the registry room to grow to four times ``count``."""
        length = 1
        while 10 ** (group * length) < HEADROOM * count:
            length += 1
        return cls(count, group, length)

    @property
    def scheme(self) -> str:
        """``digits``, ``digits2`` or ``digits3``."""
        return "digits" if self.group == 1 else f"digits{self.group}"

    @property
    def base(self) -> int:
        """Tokens at each place."""
        return 10**self.group

    @property
    def size(self) -> int:
        """Number of id tokens: ``base`` at each of the ``L`` places."""
        return self.base * self.length

    @property
    def codes(self) -> Ints:
        """``(n, L)``: most significant digits first; place ``p`` has the tokens from ``p * base`` on."""
        places = np.arange(self.length, dtype=np.int64)
        power = self.base ** places[::-1]
        return np.arange(self.count, dtype=np.int64)[:, None] // power % self.base + places * self.base

    def extended(self, titles: Floats) -> "DigitTokens":
        """Write the new SKUs in words of the same length.

        Raises
        ------
        RegistryError
            When the registry became shorter, or outgrew the words.
        """
        check_longer(self.count, len(titles))
        if len(titles) > self.base**self.length:
            raise RegistryError(
                f"{len(titles):,} SKUs cannot be written in {self.length} tokens of {self.group} digits.",
                "Start a new lineage (lineage.parent: null): it chooses longer words.",
            )
        return DigitTokens(len(titles), self.group, self.length)

    def arrays(self) -> Arrays:
        """Give the three numbers."""
        return {
            "count": np.asarray([self.count]),
            "group": np.asarray([self.group]),
            "length": np.asarray([self.length]),
        }
