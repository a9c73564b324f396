"""The one quantity that every trainer is judged by: cross-entropy of the held-out purchase over SKUs sold."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rec_assets.recommender.batches import LengthBatches, collate, last_positions
from rec_assets.vocabulary.token_rows import TokenRow

States = Callable[[Tensor, Tensor], Tensor]
"""From ids ``(B, T)`` and last positions ``(B,)``, the states ``(B, d)`` there."""


@torch.no_grad()
def holdout_loss(
    model: nn.Module,
    states: States,
    head: Callable[[], Tensor],
    rows: Sequence[TokenRow],
    targets: Tensor,
    candidates: Tensor,
    tokens: int = 8192,
) -> float:
    """Mean of ``-log softmax`` over ``candidates``, of the SKU bought next, in nats.

    Parameters
    ----------
    model
        Put into evaluation mode for the time being.
    states
        How it gives states.
    head
        Gives its rows for the SKUs, ``(n, d)``.
    rows
        Histories.
    targets
        ``(len(rows),)``: the ``sku_index`` bought next.
    candidates
        ``(m,)``, ascending: every ``sku_index`` that has a share of the softmax; ``targets`` are among them.
    tokens
        Budget of a forward pass.
    """
    training = model.training
    model.eval()
    total = 0.0
    weights = head()[candidates]
    places = torch.searchsorted(candidates, targets)
    for batch in LengthBatches([len(row.ids) for row in rows], tokens, seed=None):
        chosen = [rows[place] for place in batch]
        logits = states(collate(chosen)["input_ids"], last_positions(chosen)) @ weights.T
        total += float(F.cross_entropy(logits, places[batch], reduction="sum"))
    model.train(training)
    return total / len(rows)
