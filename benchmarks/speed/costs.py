"""Seconds of ranking and of a training step, measured on one size at a time."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from rec_assets.backbone.load import load_base
from rec_assets.files import read_table
from rec_assets.params import read_params
from rec_assets.ranking.one_pass import OnePassRanker
from rec_assets.recommender import last_states as passes
from rec_assets.recommender.demand import HALF_LIVES, Demand
from rec_assets.recommender.last_states import last_states
from rec_assets.recommender.model import SkuLanguageModel
from rec_assets.recommender.storage import load_counted
from rec_assets.training.items import row_encoder
from rec_assets.vocabulary.item_vectors import ItemVectors
from rec_assets.workspace import Workspace
from speed.ann import AnnIndex, exact_top, recall
from speed.catalogues import Kind, catalogue, ranking_model

DEPTH = 10
_ASKING = 1024
_CHUNK = 128  # customers whose scores are held at once: half a GB for a million SKUs
Integers = npt.NDArray[np.int64]


def customers(home: Path, most: int) -> dict[str, Any]:
    """Rank the workspace's catalogue for growing numbers of customers, and keep what asked.

    Returns
    -------
    dict
        ``trained``, ``rows`` with seconds, as the product reads batches and with every batch read whole, and
        the tensors ``states`` ``(B, d)`` and ``head`` ``(n, d)``.
    """
    workspace = Workspace(home)
    registry = read_table(workspace.vocabulary / "registry.parquet")
    encoder = row_encoder(workspace, registry)
    model, trained = ranking_model(home)
    settings = read_params(workspace.params_file).ranking
    counted = load_counted(workspace.recommender, len(registry), settings) if trained else None
    ranker = OnePassRanker(model, encoder, registry, settings.batch_tokens, settings.precision, counted)
    prompts = read_table(workspace.prompts / "test.parquet")
    prompts = prompts.iloc[np.arange(most) % len(prompts)].reset_index(drop=True)
    barred = ranker.barred()
    list(ranker.top(prompts[:64], DEPTH, barred))  # the first pass pays for what is lazy
    rows = []
    for count in [most * part // 4 for part in range(1, 5)]:
        asked = prompts[:count]
        seconds = _seconds(lambda asked=asked: list(ranker.top(asked, DEPTH, barred)), times=1)
        with patch.object(passes, "CACHED_TOKENS", sys.maxsize):
            whole = _seconds(lambda asked=asked: list(ranker.top(asked, DEPTH, barred)), times=1)
        rows.append(
            {
                "customers": count,
                "seconds": seconds,
                "customers_per_second": count / seconds,
                "seconds_whole_batches": whole,
            }
        )
    asking = encoder.encode(prompts[: min(2 * _ASKING, len(prompts))])
    parts = [asking[start : start + 256] for start in range(0, len(asking), 256)]
    with torch.inference_mode():
        states = [last_states(model, part) for part in parts]
    return {"trained": trained, "rows": rows, "states": torch.cat(states), "head": model.head()}


def ranking(
    states: Tensor, real: Tensor, size: int, kind: Kind, *, seed: int, indexed: bool, threads: int
) -> dict[str, Any]:
    """Time the exact lists of one catalogue, and those of an index tuned on other states.

    Parameters
    ----------
    states
        ``(B, d)``: the first half asks, the second tunes.
    real
        Head of the real catalogue, ``(n, d)``.
    size, kind, seed
        Of the catalogue made from it.
    indexed
        Whether to build the index.
    threads
        Of the index.
    """
    head = catalogue(real, size, kind, seed)
    asking, tuning = states[: len(states) // 2], states[len(states) // 2 :]
    exact = _seconds(lambda: [exact_top(part, head, DEPTH) for part in asking.split(512)])
    demand, bought = _mixture(size, seed)

    def mixed() -> None:
        for part in asking.split(_CHUNK):
            scores = part @ head.T
            demand.mix(scores, bought[: len(part)])
            scores.topk(DEPTH)

    row: dict[str, Any] = {
        "skus": size,
        "vectors": kind,
        "exact_ms": 1e3 * exact / len(asking),
        "mixed_ms": 1e3 * _seconds(mixed) / len(asking),
    }
    if indexed:
        start = time.perf_counter()
        index = AnnIndex(head, threads=threads)
        row["ann_build_s"] = time.perf_counter() - start
        index.tune(tuning, head, DEPTH)
        found = index.top(asking, DEPTH)[0]
        row["ann_recall"] = recall(found, exact_top(asking, head, DEPTH)[0])
        row["ann_effort"] = index.effort
        near = _seconds(lambda: [index.top(part, DEPTH) for part in asking.split(512)])
        row["ann_ms"] = 1e3 * near / len(asking)
    return row


def training_step(home: Path, size: int, candidates: int | None, seed: int, steps: int) -> dict[str, Any]:
    """Time a step on random histories: frozen base layers, AdamW on the item vectors of ``size`` SKUs.

    Median of ``steps`` after a first that does not count; ``candidates`` as in section ``training``.
    """
    workspace = Workspace(home)
    settings = read_params(workspace.params_file).training
    torch.manual_seed(seed)
    causal = load_base(workspace.base_model)
    causal.requires_grad_(False)
    decoder = getattr(causal, causal.base_model_prefix)
    titles = torch.empty(size, decoder.config.hidden_size).normal_(std=0.1)
    items = ItemVectors(titles, torch.full((size,), 5), settings.item_vectors)
    model = SkuLanguageModel(decoder, items, settings.dropout, candidates).train()
    optimiser = torch.optim.AdamW([value for value in model.parameters() if value.requires_grad], lr=1e-3)
    length = 16
    skus = torch.randint(size, (settings.batch_tokens // length, length + 1))
    taken = []
    for _ in range(steps + 1):
        start = time.perf_counter()
        model(input_ids=skus[:, :-1] + model.words, targets=skus[:, 1:]).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        taken.append(time.perf_counter() - start)
    return {
        "skus": size,
        "softmax": "full" if candidates is None else f"{candidates:,} sampled",
        "step_s": median(taken[1:]),
        "targets": skus[:, 1:].numel(),
    }


def _mixture(size: int, seed: int) -> tuple[Demand, list[Integers]]:
    """Make up popularity of ``size`` SKUs, half of them sold, and ten purchases of each customer."""
    generator = np.random.default_rng(seed)
    popular = torch.from_numpy(generator.random((len(HALF_LIVES), size), np.float32))
    popular[:, size // 2 :] = 0
    arrivals = (popular[0] == 0).float()
    weights = torch.full((6, 2 + len(HALF_LIVES)), 1 / (2 + len(HALF_LIVES)))
    demand = Demand(popular / popular.sum(1, keepdim=True), weights, arrivals / arrivals.sum())
    return demand, [generator.choice(size, 10, replace=False) for _ in range(_CHUNK)]


def _seconds(work: Callable[[], Any], times: int = 5) -> float:
    """Median seconds of a few runs after a first that does not count."""
    taken = []
    for _ in range(times + 1):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return median(taken[1:])
