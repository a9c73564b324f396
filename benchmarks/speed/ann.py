"""The best SKUs of a large catalogue: exactly, a chunk at a time, or nearly, along a graph of neighbours."""

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rec_assets.errors import CouturierError

RECALL = 0.99
_LEAST_EFFORT, _MOST_EFFORT = 16, 4096


class MissingLibraryError(CouturierError):
    """An optional library is asked for and not installed."""


def exact_top(states: Tensor, head: Tensor, k: int, chunk: int = 65_536) -> tuple[Tensor, Tensor]:
    """Find the ``k`` highest products of states and rows, never holding more than a chunk of them.

    A million SKUs times a thousand customers would be 4 GB of scores; of a chunk only its own best stay.

    Parameters
    ----------
    states
        ``(B, d)``.
    head
        ``(n, d)``: one row per SKU.
    k
        Length of a list; ``n`` where the catalogue is shorter.
    chunk
        Rows scored at once.

    Returns
    -------
    tuple of Tensor
        ``sku_index`` and scores, both ``(B, min(k, n))``, best first; equal scores in order of ``sku_index``.
    """
    skus = torch.empty(len(states), 0, dtype=torch.long, device=states.device)
    scores = states.new_empty(len(states), 0)
    start = 0
    for rows in head.split(chunk):
        best = (states @ rows.T).topk(min(k, len(rows)), sorted=False)
        scores = torch.cat([scores, best.values], dim=1)
        skus = torch.cat([skus, best.indices + start], dim=1)
        kept = scores.topk(min(k, scores.shape[1]), sorted=False).indices
        scores, skus = scores.gather(1, kept), skus.gather(1, kept)
        start += len(rows)
    in_order = skus.argsort(dim=1)
    scores, skus = scores.gather(1, in_order), skus.gather(1, in_order)
    by_score = scores.argsort(dim=1, descending=True, stable=True)
    return skus.gather(1, by_score), scores.gather(1, by_score)


def recall(found: Tensor, exact: Tensor) -> float:
    """Share of the exact lists ``(B, k)`` that is in the found ones, whatever the order."""
    same = (exact.unsqueeze(2) == found.unsqueeze(1)).any(dim=2)
    return float(same.float().mean())


class AnnIndex:
    """A graph of near SKUs (HNSW, arXiv 1603.09320) that is walked from SKU to SKU towards a state.

    Scores are the exact products; only which SKUs are looked at is approximate. The rows of a head are layer
    normalised and so equally long, which the graph relies on: the highest product is then the nearest row.

    Parameters
    ----------
    head
        ``(n, d)``, float32.
    allowed
        ``(n,)``: SKUs that a list may hold; none: all. Others are not in the graph.
    links
        Neighbours of an SKU in the graph: more keep recall higher and take more memory and time.
    build_effort
        SKUs looked at when a new one is linked.
    threads
        Of building and of searching. With 1 the graph is the same every time.

    Raises
    ------
    MissingLibraryError
        When faiss is not installed.
    """

    def __init__(
        self,
        head: Tensor,
        allowed: Tensor | None = None,
        *,
        links: int = 32,
        build_effort: int = 80,
        threads: int = 1,
    ) -> None:
        self._faiss = _faiss()
        self._threads = threads
        every = torch.arange(len(head)) if allowed is None else torch.nonzero(allowed.cpu()).squeeze(1)
        self._skus = every.numpy()
        self._graph = self._faiss.IndexHNSWFlat(head.shape[1], links, self._faiss.METRIC_INNER_PRODUCT)
        self._graph.hnsw.efConstruction = build_effort
        self.effort = 2 * _LEAST_EFFORT
        self._faiss.omp_set_num_threads(threads)
        self._graph.add(_rows(head if allowed is None else head[every]))

    def top(
        self, states: Tensor, k: int, masked: Sequence[Sequence[int]] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Find about the ``k`` best SKUs of each state.

        Parameters
        ----------
        states
            ``(B, d)``.
        k
            Length of a list.
        masked
            For each state, the ``sku_index`` of SKUs its list may not hold: so many more are fetched.

        Returns
        -------
        tuple of Tensor
            ``sku_index`` and scores, both ``(B, k)``, best first; -1 and -inf where fewer were found.
        """
        more = max((len(bought) for bought in masked), default=0) if masked is not None else 0
        self._graph.hnsw.efSearch = max(self.effort, k + more)
        self._faiss.omp_set_num_threads(self._threads)
        scores, places = self._graph.search(_rows(states), k + more)
        skus = np.where(places >= 0, self._skus[places], -1)
        for row, bought in enumerate(masked or []):
            scores[row, np.isin(skus[row], np.asarray(bought, dtype=np.int64))] = -np.inf
        scores[skus < 0] = -np.inf
        order = np.lexsort((skus, -scores))[:, :k]
        scores = np.take_along_axis(scores, order, axis=1)
        skus = np.where(np.isfinite(scores), np.take_along_axis(skus, order, axis=1), -1)
        return torch.from_numpy(skus), torch.from_numpy(scores)

    def tune(self, states: Tensor, head: Tensor, k: int = 10, goal: float = RECALL) -> float:
        """Choose the least effort that finds the share ``goal`` of the exact lists.

        Parameters
        ----------
        states
            ``(B, d)``: some hundred real ones.
        head
            ``(n, d)``: the rows the index was built from, all of them allowed.
        k
            Length of the lists.
        goal
            Recall to keep.

        Returns
        -------
        float
            The recall reached; below ``goal`` when the rows have no neighbourhoods to walk along. The index
            keeps the effort tried last.
        """
        exact, _ = exact_top(states, head, k)
        reached = 0.0
        self.effort = _LEAST_EFFORT
        while True:
            reached = recall(self.top(states, k)[0], exact)
            if reached >= goal or self.effort >= _MOST_EFFORT:
                return reached
            self.effort *= 2


def _rows(tensor: Tensor) -> Any:
    return np.ascontiguousarray(tensor.detach().float().cpu().numpy())


def _faiss() -> Any:
    try:
        return importlib.import_module("faiss")
    except ImportError as error:
        raise MissingLibraryError(
            "The approximate index needs faiss, which is not installed.",
            "Install it with `pip install faiss-cpu`, or rank exactly.",
        ) from error
