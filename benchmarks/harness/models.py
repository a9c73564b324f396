"""Every model of the Beauty benchmark by name, and one run of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import torch
from tqdm import tqdm

from harness.beauty import LeaveOneOut
from harness.bsarec_training import BSARecBaseline, Recipe
from harness.couturier import rank_with_couturier
from harness.memory import peak_mb
from harness.names import PEERS
from harness.peers import rank_with_peer
from harness.scores import DEPTH
from harness.simple import TrainedBoughtNext, TrainedEase, TrainedItemKnn, TrainedPopular
from rec_assets.baselines.base import Baseline
from rec_assets.baselines.lists import ListWriter, chunks
from rec_assets.baselines.threads import all_threads
from rec_assets.params import Params


@dataclass(frozen=True)
class Options:
    """What the command line says about a run; none stands for the model's own recipe.

    Parameters
    ----------
    files
        Where a run keeps files of its own, and the start of their names.
    params
        Of a model of the product; none for the others.
    """

    seed: int
    threads: int
    files: Path
    epochs: int | None = None
    patience: int | None = None
    learning_rate: float | None = None
    attention_dropout: float | None = None
    params: Params | None = None


@dataclass(frozen=True)
class Run:
    """What one run of one model gave: lists, and what they cost."""

    lists: pd.DataFrame
    seconds: float
    peak_mb: int
    parameters: int
    notes: dict[str, object]


def bsarec(options: Options) -> BSARecBaseline:
    """Make BSARec with the published recipe, changed where the command line says so."""
    named = ("epochs", "patience", "learning_rate", "attention_dropout")
    changes = {name: getattr(options, name) for name in named if getattr(options, name) is not None}
    checkpoint = options.files.with_name(f"{options.files.name}.safetensors")
    return BSARecBaseline(replace(Recipe(), **changes), options.seed, checkpoint)


BASELINES: dict[str, Callable[[Options], Baseline]] = {
    "popular": lambda _: TrainedPopular(),
    "item_knn": lambda options: TrainedItemKnn(options.seed, options.threads),
    "ease": lambda options: TrainedEase(options.seed, options.threads),
    "bought_next": lambda _: TrainedBoughtNext(),
    "bsarec": bsarec,
}


def run(name: str, data: LeaveOneOut, options: Options) -> Run:
    """Fit one model and rank the catalogue for every customer."""
    if name in PEERS:
        lists, report = rank_with_peer(name, data.purchases, options, DEPTH)
        return Run(lists, **report)
    if options.params is not None:
        root = options.files.with_name(f"workspace-{options.files.name}")
        lists, report = rank_with_couturier(root, options.params, data, DEPTH)
        return Run(lists, **report)
    # Inter-op threads would only compete: each model is one chain of steps.
    torch.set_num_interop_threads(1)
    model = BASELINES[name](options)
    with all_threads(options.threads):
        start = time.perf_counter()
        model.fit(data.purchases)
        writer = ListWriter(data.purchases, DEPTH)
        customers = data.purchases.test_customers
        with tqdm(total=len(customers), desc=f"{name} ranks", unit="customer", leave=False) as bar:
            for part in chunks(customers, len(data.purchases.skus)):
                writer.add(model, part)
                bar.update(len(part))
        seconds = time.perf_counter() - start
    notes: dict[str, object] = {"filled_by_popularity": writer.filled / max(1, writer.places)}
    peak = peak_mb()
    if isinstance(model, BSARecBaseline):
        seconds, peak = seconds + model.resumed_seconds, max(peak, model.resumed_peak_mb)
        notes |= {
            "epochs": len(model.curve),
            "best_epoch": model.best_epoch,
            "validation_ndcg@10": max(model.curve, default=None),
        }
    return Run(writer.frame(), seconds, peak, model.parameters, notes)
