"""Customers a second: one pass against ``generate``, on the same customers and the same trained layers."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from generating.judged import CUTOFF, figures
from generating.peak import forward_flops, matmul_peak
from generating.ranking import BEAMS, named, ranker, words
from generating.shop import Shop
from generating.stock import Stock
from generating.training import token_rows, train
from rec_assets import columns as c
from rec_assets.backbone.precision import choose_precision
from rec_assets.generation.chains import Sampling
from rec_assets.generation.id_model import IdLanguageModel
from rec_assets.generation.merge import merge_chains
from rec_assets.generation.samplers import ChainSampler
from rec_assets.generation.schemes import load_item_tokens
from rec_assets.params import Precision, read_params
from rec_assets.recommender.storage import load_recommender
from rec_assets.vocabulary.token_rows import TokenRow
from rec_assets.workspace import Workspace

REPEATS = 5
Lists = dict[int, list[str]]


def speed(shop: Shop, seed: int, epochs: int, work: Path, batches: list[int]) -> dict[str, dict[str, Any]]:
    """Measure every way to rank.

    One pass is timed several times over all customers, its best time counts; the others take long enough to
    be timed once. Loading is not counted.

    Parameters
    ----------
    shop
        With the customers to rank for.
    batches
        Customers that ``generate`` is asked about at once.

    Returns
    -------
    dict
        Metrics by way.
    """
    roots = {name: work / f"workspace-{name}-{seed}" for name in ("sku", "digits")}
    homes = {name: train(shop, name, seed, epochs, root).home for name, root in roots.items()}
    rows = {name: token_rows(shop, name, home, trained=False) for name, home in homes.items()}
    ways: dict[str, Callable[[], Lists]] = {}
    one_pass = ranker(shop, homes["sku"])
    barred = ~torch.from_numpy(shop.listed)
    ways["one_pass"] = lambda: named(shop, one_pass.top(shop.test, CUTOFF, barred))
    settings = read_params(shop.workspace.params_file).ranking
    home = homes["sku"]
    sampler = ChainSampler.load(home.recommender, home.base_model, home.vocabulary, settings)
    ways["sampled_chains"] = lambda: _lists(
        shop, merge_chains(sampler.chains(shop.test, Sampling(), seed, barred), CUTOFF)[0]
    )
    home = homes["digits"]
    ids = IdLanguageModel.load(home.recommender, home.base_model, home.vocabulary, shop.listed)
    ways["constrained_beams_digits"] = lambda: named(shop, ids.top(rows["digits"], CUTOFF, BEAMS))
    tokens = load_item_tokens(home.vocabulary)
    for batch in batches:
        chains = Stock(homes["sku"], words(homes["sku"]), batch)
        ways[f"generate_chains_batch_{batch}"] = lambda stock=chains: _lists(
            shop, stock.sampled(rows["sku"], CUTOFF, seed)
        )
        beams = Stock(home, words(home), batch)
        ways[f"generate_beams_digits_batch_{batch}"] = lambda stock=beams: _lists(
            shop, stock.beams(rows["digits"], tokens, shop.listed, BEAMS)
        )
    measured: dict[str, dict[str, Any]] = {}
    for name, way in ways.items():
        seconds, lists = _timed(way, REPEATS if name == "one_pass" else 1)
        measured[name] = {
            "customers_per_second": len(shop.test) / seconds,
            **figures(lists, shop.targets, "unmasked"),
        }
    fastest = measured["one_pass"]["customers_per_second"]
    for figures_of in measured.values():
        figures_of["times_slower_than_one_pass"] = fastest / figures_of["customers_per_second"]
    precisions: set[Precision] = {"fp32", "fp32" if choose_precision() is torch.float32 else "bf16"}
    for precision in sorted(precisions):
        measured["one_pass"] |= _share_of_peak(shop, homes["sku"], rows["sku"], precision)
    return measured


def _timed(way: Callable[[], Lists], repeats: int) -> tuple[float, Lists]:
    times, lists = [], {}
    for _ in range(repeats):
        start = time.perf_counter()
        lists = way()
        times.append(time.perf_counter() - start)
    return min(times), lists


def _share_of_peak(
    shop: Shop, home: Workspace, rows: list[TokenRow], precision: Precision
) -> dict[str, float]:
    model = load_recommender(home.recommender, home.base_model, home.vocabulary)
    flops = forward_flops(model, rows, len(shop.registry))
    one_pass = ranker(shop, home, precision)

    def forward() -> Lists:
        for _ in one_pass.scores(shop.test):
            pass
        return {}

    dtype = choose_precision(precision)
    before = matmul_peak(dtype)
    seconds, _ = _timed(forward, REPEATS)
    peak = max(before, matmul_peak(dtype))
    return {
        f"forward_gflops_per_second/{precision}": flops / seconds / 1e9,
        f"matmul_peak_gflops_per_second/{precision}": peak / 1e9,
        f"share_of_matmul_peak/{precision}": flops / seconds / peak,
    }


def _lists(shop: Shop, skus: np.ndarray) -> Lists:
    names = shop.registry[c.SKU].to_numpy()
    return {place: names[row[row >= 0]].tolist() for place, row in enumerate(skus)}
