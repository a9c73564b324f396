"""Rank the catalogue with a trained scheme: one pass for SKUs, constrained beams for words of tokens."""

import time
from collections.abc import Iterable

import torch

from generating.judged import CUTOFF, figures
from generating.shop import Shop
from generating.training import token_rows
from rec_assets import columns as c
from rec_assets.files import read_json
from rec_assets.generation.id_model import IdLanguageModel
from rec_assets.params import Precision, read_params
from rec_assets.ranking.one_pass import OnePassRanker, Top
from rec_assets.workspace import Workspace

BEAMS = 10


def rank(shop: Shop, scheme: str, home: Workspace) -> dict[str, float]:
    """Make both lists of every test customer; the clock runs for the unmasked ones.

    Loading is not counted, encoding the prompts is.
    """
    if scheme == "sku":
        one_pass = ranker(shop, home)
        barred = ~torch.from_numpy(shop.listed)

        def lists(masked: list[list[str]] | None) -> Iterable[Top]:
            return one_pass.top(shop.test, CUTOFF, barred, masked)

    else:
        model = IdLanguageModel.load(home.recommender, home.base_model, home.vocabulary, shop.listed)
        index = dict(zip(shop.registry[c.SKU], shop.registry[c.SKU_INDEX], strict=True))

        def lists(masked: list[list[str]] | None) -> Iterable[Top]:
            rows = token_rows(shop, scheme, home, trained=False)
            seen = None if masked is None else [[index[sku] for sku in one] for one in masked]
            return model.top(rows, CUTOFF, BEAMS, seen)

    start = time.perf_counter()
    unmasked = named(shop, lists(None))
    seconds = time.perf_counter() - start
    masked = named(shop, lists(shop.seen))
    return {
        **figures(masked, shop.targets, "masked"),
        **figures(unmasked, shop.targets, "unmasked"),
        "ranking_customers_per_second": len(shop.test) / seconds,
    }


def ranker(shop: Shop, home: Workspace, precision: Precision = "auto") -> OnePassRanker:
    """Load the model that ranks in one pass."""
    settings = read_params(shop.workspace.params_file).ranking.model_copy(update={"precision": precision})
    return OnePassRanker.load(home.recommender, home.base_model, home.vocabulary, settings)


def named(shop: Shop, tops: Iterable[Top]) -> dict[int, list[str]]:
    """Give SKUs by place of the customer."""
    skus = shop.registry[c.SKU].to_numpy()
    return {top.place: skus[top.skus].tolist() for top in tops}


def words(home: Workspace) -> int:
    """Size of the base vocabulary."""
    size: int = read_json(home.vocabulary / "vocabulary.json")["words"]
    return size
