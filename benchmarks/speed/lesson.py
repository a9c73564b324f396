"""What is learnt from: the training prompts of a workspace and a sample of its held-out purchases."""

from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from rec_assets import columns as c
from rec_assets.files import read_table
from rec_assets.params import Params, read_params
from rec_assets.training.items import row_encoder
from rec_assets.vocabulary.token_rows import RowEncoder, TokenRow
from rec_assets.workspace import Workspace


@dataclass(frozen=True)
class Lesson:
    """One set of data for every trainer.

    Parameters
    ----------
    workspace
        Where it lies.
    params
        Its parameters.
    registry
        ``n`` SKUs.
    encoder
        Of prompts.
    rows
        Token rows of the training prompts that hold a purchase to learn from.
    sold
        ``(m,)``, ascending: the ``sku_index`` of every SKU that ``rows`` teach.
    held_out
        Token rows of sampled validation customers who bought one of those next.
    bought
        ``(len(held_out),)``: the ``sku_index`` each of them bought next.
    prompts, asked
        What ``rows`` and ``held_out`` were encoded from.
    """

    workspace: Workspace
    params: Params
    registry: pd.DataFrame
    encoder: RowEncoder
    rows: list[TokenRow]
    sold: Tensor
    held_out: list[TokenRow]
    bought: Tensor
    prompts: pd.DataFrame
    asked: pd.DataFrame


def read_lesson(home: Path, judged: int, seed: int) -> Lesson:
    """Read a prepared workspace, with ``judged`` of its validation customers.

    Customers whose next purchase was never sold before judge nobody: a trainer without titles only ever
    pushes such an SKU away, so its loss would rise without bound and tell of little else.

    Raises
    ------
    ValueError
        When its training rows ask for other things than the next purchase: a text cannot say that.
    """
    workspace = Workspace(home)
    params = read_params(workspace.params_file)
    registry = read_table(workspace.vocabulary / "registry.parquet")
    encoder = row_encoder(workspace, registry)
    prompts = read_table(workspace.prompts / "train.parquet")
    if c.ANSWERS in prompts:
        raise ValueError("the workspace's prompts.targets must be next_item alone")
    rows = encoder.encode(prompts)
    learnt = [bool((row.targets >= 0).any()) for row in rows]
    targets = np.unique(np.concatenate([row.targets for row in rows]))
    sold = targets[targets >= 0]
    index = dict(zip(registry[c.SKU], registry[c.SKU_INDEX], strict=True))
    holdout = read_table(workspace.prompts / "validation.parquet")
    bought = holdout[c.TARGETS].map(lambda basket: index[basket[0]])
    known = holdout[bought.isin(sold)]
    known = known.sample(min(judged, len(known)), random_state=seed)
    return Lesson(
        workspace=workspace,
        params=params,
        registry=registry,
        encoder=encoder,
        rows=list(compress(rows, learnt)),
        sold=torch.from_numpy(sold),
        held_out=encoder.encode(known),
        bought=torch.from_numpy(bought[known.index].to_numpy(copy=True)),
        prompts=prompts[learnt].reset_index(drop=True),
        asked=known.reset_index(drop=True),
    )
