"""NDCG@10 during training: when to stop, and which epoch to keep."""

from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from rec_assets.recommender.batches import LengthBatches, collate, last_positions
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
    """

    rows: list[TokenRow]
    targets: list[set[int]]
    allowed: torch.Tensor
    batch_tokens: int


@torch.no_grad()
def ndcg_at_10(model: SkuLanguageModel, holdout: Holdout, device: torch.device) -> float:
    """Mean NDCG@10 over the holdout's customers, catalogue ranked whole, bought articles kept.

    Runs under the caller's autocast, but for the product with the head.

    ``DCG = Σ 1/log2(rank + 1)`` over hits in the first 10, divided by that of an ideal list
    (Järvelin & Kekäläinen, 2002). 0 for an empty holdout.
    """
    if not holdout.rows:
        return 0.0
    was_training = model.training
    model.eval()
    exact = torch.autocast(device.type, enabled=False)  # in bf16, too many SKUs would tie
    with exact:
        head = model.head()  # (n, d)
    barred = ~holdout.allowed.to(device)
    k = min(10, len(head))
    discount = 1 / np.log2(np.arange(2, k + 2))
    gains = []
    batches = LengthBatches([len(row.ids) for row in holdout.rows], holdout.batch_tokens, seed=None)
    for batch in tqdm(batches, desc="validating", unit="batch", leave=False):
        rows = [holdout.rows[place] for place in batch]
        states = model.last_states(collate(rows)["input_ids"].to(device), last_positions(rows).to(device))
        with exact:
            scores = (states @ head.T).masked_fill(barred, -torch.inf)  # (B, n)
        for place, top in zip(batch, scores.topk(k).indices.cpu().numpy(), strict=True):
            basket = holdout.targets[place]
            hits = np.fromiter((sku in basket for sku in top.tolist()), dtype=bool, count=k)
            gains.append(float(discount[hits].sum() / discount[: len(basket)].sum()))
    model.train(was_training)
    return float(np.mean(gains))
