"""Ranked lists judged customer by customer, on parts of what they bought."""

from collections.abc import Mapping
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.scores import METRICS
from rec_assets.columns import CUSTOMER, MODEL, PURCHASES, TRAIN_PURCHASES
from rec_assets.evaluation.accuracy import ACCURACY
from rec_assets.evaluation.holdout import Holdout, read_holdout
from rec_assets.evaluation.lists import Lists, read_lists
from rec_assets.workspace import Workspace

Flags = NDArray[np.bool_]
AS_OF = "as_of"
CUTOFFS = (10, 100)  # with 100,000 candidates ten places hold few hits: a hundred tell models apart


def parts(holdout: Holdout) -> dict[str, Flags]:
    """Tell which purchases count, by the name of the part.

    Returns
    -------
    dict of (P,) masks
        ``unmasked``: all of them, repeats too. ``with_history``: of customers who bought before.
        ``untrained``: articles without a purchase in training, which the product's reports call cold.
        ``never_bought``: articles nobody bought before ``as_of``, so no model has seen a purchase of them.
    """
    bought = holdout.purchases
    article, customer = bought["article"].to_numpy(), bought["customer"].to_numpy()
    return {
        "unmasked": np.ones(len(bought), bool),
        "with_history": holdout.customers["history"].to_numpy()[customer] > 0,
        "untrained": holdout.articles[TRAIN_PURCHASES].to_numpy()[article] == 0,
        "never_bought": holdout.articles[PURCHASES].to_numpy()[article] == 0,
    }


def judge_lists(lists: Lists, holdout: Holdout, masks: Mapping[str, Flags]) -> pd.DataFrame:
    """Judge one model.

    Returns
    -------
    pandas.DataFrame
        A row a test customer: ``customer_id``, ``model`` and ``metric@k/part``, NaN where nothing of the
        part was bought.
    """
    kept = ~holdout.purchases["seen"].to_numpy() if lists.masked else np.ones(len(holdout.purchases), bool)
    found = lists.find(holdout)
    frame = pd.DataFrame({CUSTOMER: holdout.customers.index, MODEL: lists.model})
    for name, mask in masks.items():
        inside = found.only(mask[kept])
        for metric, k in product(METRICS, CUTOFFS):
            frame[f"{metric}@{k}/{name}"] = ACCURACY[metric](inside, k)
    return frame


def judge_workspace(workspace: Workspace, files: Mapping[str, Path]) -> pd.DataFrame:
    """Judge files of ranked lists against a workspace's test window, all parts, and seen SKUs masked.

    Parameters
    ----------
    files
        By model.
    """
    holdout = read_holdout(workspace, None, 0)
    masks = parts(holdout)
    frames = []
    for model, path in files.items():
        unmasked, masked = read_lists(path, model, holdout)
        frame = judge_lists(unmasked, holdout, masks)
        everything = {"masked": masks["unmasked"]}
        frames.append(frame.merge(judge_lists(masked, holdout, everything), on=[CUSTOMER, MODEL]))
    judged = pd.concat(frames, ignore_index=True)
    judged.insert(0, AS_OF, str(holdout.windows["as_of"]))
    return judged
