"""Ranked lists as arrays, and where each thing bought stands in them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rec_assets.columns import CUSTOMER, MASKED, RANK, SKU
from rec_assets.errors import TableError
from rec_assets.evaluation.accuracy import Found
from rec_assets.evaluation.holdout import Holdout, member
from rec_assets.files import read_table
from rec_assets.workspace import Workspace

Integers = NDArray[np.int64]
RECOMMENDER = "couturier"


@dataclass(frozen=True)
class Lists:
    """One model's lists for the test customers, in one mode.

    Parameters
    ----------
    model
        Its name.
    masked
        Whether articles bought before were taken out.
    items
        (U, D) positions in the catalogue, best first, -1 where the list ends.
    """

    model: str
    masked: bool
    items: Integers

    def find(self, holdout: Holdout) -> Found:
        """Look up the rank of each thing bought.

        Masked lists are judged on what the customer had not bought before: a repeat purchase cannot be in
        them, so counting it as a miss would measure the mask instead of the model.
        """
        owner, place = np.nonzero(self.items >= 0)
        keys = holdout.keys(owner, self.items[owner, place])
        order = np.argsort(keys, kind="stable")
        targets = holdout.target_keys
        ranks = np.full(len(targets), np.inf)
        if len(keys):
            nearest = np.minimum(np.searchsorted(keys[order], targets), len(keys) - 1)
            listed = keys[order][nearest] == targets
            ranks[listed] = place[order][nearest[listed]] + 1
        purchases = holdout.purchases
        found = Found(
            ranks, purchases["customer"].to_numpy(), purchases["spent"].to_numpy(), len(holdout.customers)
        )
        return found.only(~purchases["seen"].to_numpy()) if self.masked else found

    def hits(self, holdout: Holdout, k: int) -> NDArray[np.bool_]:
        """(U, k) whether each place holds something bought in the test window."""
        top = self.items[:, :k]
        keys = holdout.keys(np.arange(len(top))[:, None], top)
        return member(keys, holdout.target_keys) & (top >= 0)


def ranking_files(workspace: Workspace) -> dict[str, Path]:
    """Give each model's file of ranked lists: the recommender first, then the baselines by name."""
    files = {RECOMMENDER: workspace.holdout_rankings / f"{RECOMMENDER}.parquet"}
    for path in sorted(workspace.baseline_rankings.glob("*.parquet")):
        files[path.stem] = path
    return files


def read_lists(path: Path, model: str, holdout: Holdout) -> tuple[Lists, Lists]:
    """Read one model's unmasked and masked lists.

    Rows of customers outside the holdout are left out; a test customer without rows has an empty list.

    Raises
    ------
    TableError
        When the file is missing, lacks a column, names an unknown SKU, or lists an SKU twice for a customer.
    """
    frame = read_table(path)
    if missing := [name for name in (CUSTOMER, SKU, RANK, MASKED) if name not in frame.columns]:
        raise TableError(
            f"{path} has no column {', '.join(map(repr, missing))}. "
            f"Columns found: {', '.join(frame.columns)}.",
            "Run the stage that ranks again.",
        )
    customer = holdout.customers.index.get_indexer(pd.Index(frame[CUSTOMER]))
    article = holdout.articles.index.get_indexer(pd.Index(frame[SKU]))
    judged = customer >= 0
    if (unknown := judged & (article < 0)).any():
        raise TableError(
            f"{path}: {unknown.sum()} of {len(frame)} rows list a SKU outside the catalogue, first "
            f"{frame[SKU][unknown].iloc[0]!r}.",
            "Run the stage that ranks again.",
        )
    masked = frame[MASKED].to_numpy(dtype=bool)
    rank = frame[RANK].to_numpy(dtype=np.int64)
    if (rank < 1).any():
        raise TableError(
            f"{path}: {(rank < 1).sum()} of {len(frame)} rows have a rank below 1.",
            "Run the stage that ranks again: 1 is best.",
        )
    lists = []
    for mode in (False, True):
        rows = judged & (masked == mode)
        items = np.full((len(holdout.customers), int(rank[rows].max(initial=0))), -1, dtype=np.int64)
        items[customer[rows], rank[rows] - 1] = article[rows]
        keys = np.sort(holdout.keys(customer[rows], article[rows]))
        ranks_shared = (items >= 0).sum() < rows.sum()
        if ranks_shared or (np.diff(keys) == 0).any():
            raise TableError(
                f"{path} lists a SKU or a rank twice for a customer (masked={mode}).",
                "Run the stage that ranks again.",
            )
        lists.append(Lists(model, mode, items))
    return lists[0], lists[1]
