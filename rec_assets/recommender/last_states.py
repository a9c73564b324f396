"""What customers are ranked from, read in passes that suit the machine."""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from rec_assets.recommender.batches import collate, last_positions
from rec_assets.recommender.last_token import last_token_alone
from rec_assets.recommender.model import SkuLanguageModel
from rec_assets.vocabulary.token_rows import TokenRow

CACHED_TOKENS: Final = 2048
"""Tokens whose states a CPU core's caches hold from one product to the next, at the widths of small bases."""


@torch.no_grad()
def last_states(model: SkuLanguageModel, rows: Sequence[TokenRow]) -> Tensor:
    """Give the state that ranks for each row, ``(B, d + w)``.

    On a CPU, states that leave the caches between two products cost more than the products: rows are read
    a few at a time. A GPU reads them all at once.

    Parameters
    ----------
    model
        In evaluation mode. Runs under the caller's autocast, on the model's device.
    rows
        ``B`` rows, best of similar length: each pass is padded to its longest.
    """
    longest = max(len(row.ids) for row in rows)
    at_once = max(1, CACHED_TOKENS // longest) if model.device.type == "cpu" else len(rows)
    return torch.cat([_one(model, rows[at : at + at_once]) for at in range(0, len(rows), at_once)])


def _one(model: SkuLanguageModel, rows: Sequence[TokenRow]) -> Tensor:
    ids, last = collate(rows)["input_ids"].to(model.device), last_positions(rows).to(model.device)
    with last_token_alone(model, ids, last):
        return model.last_states(ids, last)
