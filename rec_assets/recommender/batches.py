"""Batches of token rows of nearly equal length, within a budget of tokens."""

from collections.abc import Iterator, Sequence
from itertools import cycle, islice

import numpy as np
import torch
from torch import Tensor

from rec_assets.vocabulary.token_rows import IGNORED, TokenRow


class LengthBatches:
    """A batch sampler: rows shuffled, sorted by length within the budget, batches shuffled.

    Parameters
    ----------
    lengths
        Tokens of each row.
    tokens
        Budget of a batch, padding included; a longer row makes a batch of its own.
    seed
        With the epoch, decides the order. None: in order of length, not shuffled.
    replicas
        Processes that share the batches; their number divides that of the batches.
    """

    def __init__(self, lengths: Sequence[int], tokens: int, seed: int | None, replicas: int = 1) -> None:
        self._lengths = np.asarray(lengths)
        self._tokens = tokens
        self._seed = seed
        self._replicas = replicas
        self._epoch = 0

    @property
    def sampler(self) -> "LengthBatches":
        """Itself: with several processes accelerate looks here for :meth:`set_epoch`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._batches())

    def __iter__(self) -> Iterator[list[int]]:
        yield from self._batches()

    def _batches(self) -> list[list[int]]:
        random = np.random.default_rng([self._seed or 0, self._epoch])
        order = np.arange(len(self._lengths))
        if self._seed is not None:
            random.shuffle(order)
        order = order[np.argsort(self._lengths[order], kind="stable")]
        batches: list[list[int]] = []
        batch: list[int] = []
        for row in order.tolist():
            if batch and (len(batch) + 1) * int(self._lengths[row]) > self._tokens:
                batches.append(batch)
                batch = []
            batch.append(row)
        if batch:
            batches.append(batch)
        if self._seed is not None:
            random.shuffle(batches)
        # The first ones come again, and again where there are fewer batches than processes.
        return [*batches, *islice(cycle(batches), -len(batches) % self._replicas)]


def collate(rows: Sequence[TokenRow], pad: int = 0) -> dict[str, Tensor]:
    """Pad rows on the right: ``input_ids`` and ``targets``, both ``(B, T)``."""
    longest = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), longest), pad, dtype=torch.long)
    targets = torch.full((len(rows), longest), IGNORED, dtype=torch.long)
    for place, row in enumerate(rows):
        ids[place, : len(row.ids)] = torch.from_numpy(row.ids)
        targets[place, : len(row.targets)] = torch.from_numpy(row.targets)
    return {"input_ids": ids, "targets": targets}


def last_positions(rows: Sequence[TokenRow]) -> Tensor:
    """Index of each row's last real position, ``(B,)``."""
    return torch.tensor([len(row.ids) - 1 for row in rows])
