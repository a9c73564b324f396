"""NDCG@10 during training: when to stop, and which epoch to keep."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from rec_assets.generation.id_model import IdLanguageModel
from rec_assets.generation.item_tokens import ItemTokens
from rec_assets.recommender.batches import LengthBatches
from rec_assets.recommender.last_states import last_states
from rec_assets.recommender.model import SkuLanguageModel
from rec_assets.vocabulary.token_rows import TokenRow


@dataclass(frozen=True)
class Holdout:
    """Customers to rank for.

    Parameters
    ----------
    rows
        One token row per customer.
    targets
        Each customer's holdout basket as a set of ``sku_index``.
    allowed
        ``(n,)``: False for SKUs outside the catalogue, which no list may hold.
    batch_tokens
        Budget of a forward pass.
    tokens
        The words that SKUs are written in; None: each SKU is one token.
    """

    rows: list[TokenRow]
    targets: list[set[int]]
    allowed: torch.Tensor
    batch_tokens: int
    tokens: ItemTokens | None = None


@torch.no_grad()
def ndcg_at_10(model: SkuLanguageModel, holdout: Holdout, device: torch.device) -> float:
    """Mean NDCG@10 over the holdout's customers, catalogue ranked whole.

    What a prompt shows as bought is ranked with the rest, unless the training softmax left it out
    (:attr:`SkuLanguageModel.mask_seen`): nothing has then taught the model where it stands. Words of id
    tokens are ranked by ten beams. Runs under the caller's autocast, but for the product with the head.

    ``DCG = Σ 1/log2(rank + 1)`` over hits in the first 10, divided by that of an ideal list
    (Järvelin & Kekäläinen, 2002). 0 for an empty holdout.
    """
    if not holdout.rows:
        return 0.0
    was_training = model.training
    model.eval()
    k = min(10, len(holdout.allowed))
    discount = 1 / np.log2(np.arange(2, k + 2))
    gains = []
    lists = _one_pass(model, holdout, device, k) if holdout.tokens is None else _beams(model, holdout, k)
    for place, top in lists:
        basket = holdout.targets[place]
        hits = np.fromiter((sku in basket for sku in top), dtype=bool, count=len(top))
        gains.append(float(discount[: len(top)][hits].sum() / discount[: len(basket)].sum()))
    model.train(was_training)
    return float(np.mean(gains))


def _one_pass(
    model: SkuLanguageModel, holdout: Holdout, device: torch.device, k: int
) -> Iterator[tuple[int, list[int]]]:
    exact = torch.autocast(device.type, enabled=False)  # in bf16, too many SKUs would tie
    with exact:
        head = model.head()  # (n, d)
    barred = ~holdout.allowed.to(device)
    batches = LengthBatches([len(row.ids) for row in holdout.rows], holdout.batch_tokens, seed=None)
    for batch in tqdm(batches, desc="validating", unit="batch", leave=False):
        rows = [holdout.rows[place] for place in batch]
        states = last_states(model, rows)
        with exact:
            scores = (states @ head.T).masked_fill(barred, -torch.inf)  # (B, n)
        if model.mask_seen:
            for row, own in zip(rows, scores, strict=True):
                own[torch.from_numpy(row.ids[row.ids >= model.words] - model.words).to(device)] = -torch.inf
        yield from zip(batch, scores.topk(k).indices.cpu().tolist(), strict=True)


def _beams(model: SkuLanguageModel, holdout: Holdout, k: int) -> Iterator[tuple[int, list[int]]]:
    assert holdout.tokens is not None
    with torch.autocast(model.device.type, enabled=False):
        words = IdLanguageModel(
            model, holdout.tokens, holdout.allowed.numpy(), max(1, holdout.batch_tokens // k)
        )
    found = words.top(holdout.rows, k, beams=k)
    for top in tqdm(found, "validating", len(holdout.rows), unit="customer", leave=False):
        yield top.place, top.skus.tolist()
