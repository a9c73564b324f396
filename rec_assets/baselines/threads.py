"""How many threads compute: sums in another order give other bytes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Use ``threads`` threads in torch inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def all_threads(threads: int) -> Iterator[None]:
    """Use ``threads`` threads in torch, BLAS and OpenMP inside the block."""
    with torch_threads(threads), threadpool_limits(threads):
        yield
